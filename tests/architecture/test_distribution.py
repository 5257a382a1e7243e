"""The distribution holds every module and every data file of the product, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.isolation import build_tree
from tests.architecture.repository import PRODUCT, relative, repository_files


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the file names in a wheel built from a copy of the sources."""
    tree = build_tree(tmp_path_factory.mktemp("source"), *PRODUCT, "pyproject.toml", "LICENSE")
    target = tree / "wheel"
    build = (
        "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    )
    target.mkdir()
    subprocess.run([sys.executable, "-c", build, target], cwd=tree, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_wheel_holds_every_file_of_the_product(wheel_names: set[str]) -> None:
    product = {
        name
        for name in map(relative, repository_files())
        if Path(name).parts[0] in PRODUCT and Path(name).suffix != ".md"
    }
    assert product - wheel_names == set(), "add the file's kind to package-data"


def test_wheel_holds_nothing_but_the_product(wheel_names: set[str]) -> None:
    assert {Path(name).parts[0] for name in wheel_names} == set(PRODUCT)
