"""Each deployable imports and starts from a tree with only ``shared`` and itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.isolation import build_tree, run
from tests.architecture.repository import PRODUCT, ROOT, SERVICES

IMPORT_ALL = """\
import importlib, pkgutil
package = importlib.import_module({package!r})
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__") and ".migrations" not in module.name:
        importlib.import_module(module.name)
        print(module.name)
"""

IMPORTABLE = """\
import importlib
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    print(name)
"""


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def service_tree(service: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tree(tmp_path_factory.mktemp(service), "shared", f"services/{service}")


@pytest.fixture(scope="module")
def gateway_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tree(tmp_path_factory.mktemp("gateway"), "shared", "gateway")


def test_services_are_the_five_of_the_product() -> None:
    found = {path.name for path in (ROOT / "services").iterdir() if path.name != "__pycache__"}
    assert found == set(SERVICES)


def test_service_imports_from_tree_of_its_own(service: str, service_tree: Path) -> None:
    done = run(service_tree, service, "-c", IMPORT_ALL.format(package=f"services.{service}"))
    assert done.returncode == 0, done.stderr
    assert f"services.{service}.service" in done.stdout.split()


def test_service_lists_its_commands_from_tree_of_its_own(service: str, service_tree: Path) -> None:
    done = run(service_tree, service, "-m", f"services.{service}", "--help")
    assert done.returncode == 0, done.stderr
    for name in ("serve", "relay", "migrate", "dead-letters"):
        assert name in done.stdout


def test_gateway_imports_from_tree_of_its_own(gateway_tree: Path) -> None:
    done = run(gateway_tree, "gateway", "-c", IMPORT_ALL.format(package="gateway"))
    assert done.returncode == 0, done.stderr


def test_standalone_imports_with_its_lock(tmp_path: Path) -> None:
    tree = build_tree(tmp_path, *PRODUCT)
    done = run(tree, "standalone", "-c", IMPORT_ALL.format(package="standalone"))
    assert done.returncode == 0, done.stderr


def test_tree_has_no_other_part_and_no_package_outside_the_lock(
    service: str, service_tree: Path
) -> None:
    others = {f"services.{name}" for name in SERVICES} - {f"services.{service}"}
    absent = {"gateway", "standalone", "tests", "flask", *others}
    done = run(service_tree, service, "-c", IMPORTABLE.format(names=sorted({*absent, "nameko"})))
    assert done.stdout.split() == ["nameko"], done.stderr
