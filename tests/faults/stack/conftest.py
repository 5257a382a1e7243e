"""One stack for all of these tests; each leaves it running, and looks at its own orders."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from tests.faults.stack.boundaries import COUPONS, POINTS
from tests.faults.stack.retail import Retail
from tests.support.stack import Stack, running_stack

WORKERS = {"LOYALTY_MAX_WORKERS": "60"}
"""Many calls stand still at a time."""


@pytest.fixture(scope="session")
def running() -> Iterator[Stack]:
    with running_stack(tapped=(POINTS, COUPONS), environment=WORKERS) as stack:
        yield stack


@pytest.fixture(scope="session")
def opened(running: Stack) -> Retail:
    return Retail(running)


@pytest.fixture
def retail(opened: Retail) -> Iterator[Retail]:
    """The retailer; every process runs, also after a test that failed halfway."""
    yield opened
    opened.stack.heal()


@pytest.fixture
def chance() -> random.Random:
    """What is left to chance; LOYALTY_TEST_SEED repeats a run that failed."""
    seed = os.environ.get("LOYALTY_TEST_SEED") or str(random.randrange(10**9))
    print(f"LOYALTY_TEST_SEED={seed}")
    return random.Random(seed)
