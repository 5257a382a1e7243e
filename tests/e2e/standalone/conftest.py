"""Instances of the one-process platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.standalone import Standalone


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Standalone]]:
    """Return a function that prepares an instance in a directory of this test."""
    made: list[Standalone] = []

    def prepare(name: str = "var", **options: object) -> Standalone:
        made.append(Standalone(tmp_path / name, **options))  # type: ignore[arg-type]
        return made[-1]

    yield prepare
    for instance in made:
        instance.remove()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """One instance for the tests that leave it as it is."""
    instance = Standalone(tmp_path_factory.mktemp("standalone") / "var").start()
    yield instance
    instance.remove()
