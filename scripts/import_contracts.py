"""Contract type for import-linter: a module imports the standard library and a named few, only.

import-linter's own types forbid what is listed; a pure module has to refuse everything that is
not. Configured in ``pyproject.toml`` as type ``pure``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.helpers import module_expressions_to_modules


class PureContract(Contract):
    """Modules may import the standard library, themselves and what is allowed; nothing else.

    Options:
        modules: Module expressions; each match counts with everything below it.
        allowed: Module expressions of own modules they may import, likewise with what is below.
        impure: Names of standard library modules they may not import either (I/O, clock, chance).

    What is allowed must itself import no other own module, so that nothing comes in by a detour.
    """

    type_name = "pure"

    modules = fields.SetField(subfield=fields.ModuleExpressionField())
    allowed = fields.SetField(subfield=fields.ModuleExpressionField())
    impure = fields.SetField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Collect every import that leaves the allowed set."""
        impure = cast("set[str] | None", self.impure)
        stdlib = set(sys.stdlib_module_names).difference(impure or ())
        allowed = _with_descendants(graph, self.allowed)
        violations = []
        for root in _matches(graph, self.modules):
            own = {root, *graph.find_descendants(root)}
            output.verbose_print(verbose, f"Judging what {root} imports...")
            violations += list(_leaving(graph, own, own | allowed | stdlib))
        external = {name for name in graph.modules if graph.is_module_squashed(name)}
        violations += list(_leaving(graph, allowed, allowed | external))
        return ContractCheck(kept=not violations, metadata={"violations": violations})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line for each import that is not allowed."""
        for importer, imported in check.metadata["violations"]:
            output.print_error(f"{importer} is not allowed to import {imported}", bold=True)


def _matches(graph: ImportGraph, expressions: object) -> list[str]:
    found = module_expressions_to_modules(graph, expressions)  # type: ignore[arg-type]
    return sorted(module.name for module in found)


def _with_descendants(graph: ImportGraph, expressions: object) -> set[str]:
    roots = _matches(graph, expressions)
    return set(roots).union(*(graph.find_descendants(root) for root in roots))


def _leaving(graph: ImportGraph, importers: set[str], may: set[str]) -> Iterator[tuple[str, str]]:
    """Yield (importer, imported) for each direct import of something not in ``may``."""
    for importer in sorted(importers):
        for imported in sorted(graph.find_modules_directly_imported_by(importer) - may):
            yield importer, imported
