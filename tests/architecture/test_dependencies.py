"""Whatever is imported is declared, for the part that imports it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.architecture.repository import SERVICES, relative, repository_files
from tests.architecture.test_locks import asked_by

OWN = {"benchmarks", "examples", "gateway", "scripts", "services", "shared", "standalone", "tests"}
# Part of the tree to the extra that installs what it imports.
EXTRAS = {
    **{f"services/{service}": service for service in SERVICES},
    "gateway": "gateway",
    "standalone": "standalone",
    "shared": "standalone",
    "examples": "dev",
    "benchmarks": "dev",
    "scripts": "dev",
    "tests": "dev",
}


def imported_modules(path: Path) -> Iterator[str]:
    """Yield the top-level names of the foreign modules a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        else:
            continue
        yield from {name.partition(".")[0] for name in names} - OWN - sys.stdlib_module_names


@pytest.mark.parametrize("part", EXTRAS)
def test_part_declares_what_it_imports(part: str) -> None:
    declared = {canonicalize_name(requirement.name) for requirement in asked_by(EXTRAS[part])}
    brought_by = packages_distributions()
    undeclared = {
        f"{relative(path)}: {module}"
        for path in repository_files(".py")
        if relative(path).startswith(f"{part}/")
        for module in imported_modules(path)
        if declared.isdisjoint(canonicalize_name(name) for name in brought_by.get(module, ()))
    }
    assert undeclared == set(), f"add it to the extra {EXTRAS[part]!r} and run `make lock`"
