"""One stack for all of these tests; each leaves it running, and the data it made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.shop import Shop
from tests.support.stack import Stack, running_stack

MEMBERS = 12


@pytest.fixture(scope="session")
def running() -> Iterator[Stack]:
    with running_stack() as stack:
        yield stack


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The stack, every part of it running also after a test that failed halfway."""
    yield running
    running.heal()


@pytest.fixture(scope="session")
def shop(running: Stack) -> Shop:
    """A store with a till and members."""
    return Shop.open(running.url, members=MEMBERS)
