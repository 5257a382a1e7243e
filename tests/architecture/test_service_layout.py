"""Every service has the same files, so that who knows one knows all."""

from __future__ import annotations

import pytest

from tests.architecture.repository import ROOT, SERVICES

# Each a module or, once it passes 400 lines, a package of the same name.
MODULES = {
    "__init__",
    "__main__",
    "domain",
    "tables",
    "repository",
    "queries",
    "use_cases",
    "service",
}


@pytest.mark.parametrize("service", SERVICES)
def test_service_has_the_files_of_a_service(service: str) -> None:
    entries = {path.name for path in (ROOT / "services" / service).iterdir()}
    names = {entry.removesuffix(".py") for entry in entries if entry != "__pycache__"}
    assert MODULES | {"migrations"} <= names
    both = {name for name in MODULES if name in entries and f"{name}.py" in entries}
    assert both == set(), "a module became a package and the old file stayed"


@pytest.mark.parametrize("service", SERVICES)
def test_service_has_migrations(service: str) -> None:
    assert list((ROOT / "services" / service / "migrations").glob("0001_*.py"))


def test_services_is_a_namespace_without_a_file_of_its_own() -> None:
    assert not (ROOT / "services" / "__init__.py").exists()
