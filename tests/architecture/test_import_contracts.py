"""Each import contract of pyproject.toml is kept, and breaks when it is violated."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.isolation import build_tree, run
from tests.architecture.repository import PRODUCT, pyproject

CONTRACTS = [contract["name"] for contract in pyproject()["tool"]["importlinter"]["contracts"]]
# (contract, module that offends, what it must not import)
VIOLATIONS = [
    (0, "services/points/use_cases", "services.tiers.domain"),
    (1, "services/points/use_cases", "gateway"),
    (1, "services/points/use_cases", "standalone"),
    (2, "gateway/__init__", "services.points.domain"),
    (2, "gateway/__init__", "nameko"),
    (2, "gateway/__init__", "eventlet"),
    (2, "gateway/__init__", "sqlalchemy"),
    (2, "gateway/__init__", "shared.rpc.server"),
    (3, "shared/money", "services.points.domain"),
    (3, "shared/money", "gateway"),
    (3, "shared/money", "standalone"),
    (4, "shared/money", "nameko"),
    (4, "shared/db/__init__", "eventlet"),
    (5, "shared/db/__init__", "shared.rpc.server"),
    (5, "services/points/queries", "shared.events.handler"),
    (6, "services/points/use_cases", "nameko"),
    (6, "services/points/repository", "eventlet"),
    (6, "services/points/queries", "nameko.rpc"),
    (7, "services/points/domain", "sqlalchemy"),
    (7, "services/points/domain", "shared.db"),
    (7, "services/points/domain", "services.points.tables"),
    (7, "services/points/domain", "time"),
    (7, "shared/money", "shared.calls"),
]

LINT_IMPORTS = """\
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(no_cache=True))
"""


def broken_contracts(tree: Path) -> set[str]:
    """Return the names of the contracts import-linter finds broken in the tree."""
    # Isolated, because the editable install would add this repository's `services` to the tree's.
    done = run(tree, "dev", "-c", LINT_IMPORTS, settings={"COLUMNS": "300"})
    lines = [line.strip() for line in done.stdout.splitlines()]
    broken, kept = (
        {name for name in CONTRACTS if any(line.startswith(f"{name} {verdict}") for line in lines)}
        for verdict in ("BROKEN", "KEPT")
    )
    assert broken | kept == set(CONTRACTS), done.stdout + done.stderr
    return broken


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what the contracts judge, to be violated."""
    return build_tree(tmp_path_factory.mktemp("tree"), *PRODUCT, "scripts", "pyproject.toml")


def test_contracts_are_kept(tree: Path) -> None:
    assert broken_contracts(tree) == set()


@pytest.mark.parametrize(("contract", "offender", "imported"), VIOLATIONS)
def test_contract_breaks_when_violated(
    tree: Path, contract: int, offender: str, imported: str
) -> None:
    module = tree / f"{offender}.py"
    if not module.exists():
        module = tree / offender / "__init__.py"
    source = module.read_bytes()
    try:
        module.write_bytes(source + f"\nimport {imported}\n".encode())
        assert CONTRACTS[contract] in broken_contracts(tree)
    finally:
        module.write_bytes(source)


def test_every_contract_is_violated_once() -> None:
    assert {contract for contract, _, _ in VIOLATIONS} == set(range(len(CONTRACTS)))
