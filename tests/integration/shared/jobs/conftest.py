"""A database with the tables of jobs, and transactions on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from shared.clock import ManualClock
from shared.db import Transactions
from shared.security.crypto import MasterKey, new_key
from tests.integration.shared.jobs.harness import START
from tests.support.postgres import ServiceDatabase


@pytest.fixture
def database(service_database: Callable[[str], ServiceDatabase]) -> ServiceDatabase:
    return service_database("points")


@pytest.fixture
def db(database: ServiceDatabase) -> Iterator[Transactions]:
    made = replace(database.transactions(ManualClock(START)), vault=MasterKey(new_key()))
    yield made
    made.engine.dispose()
