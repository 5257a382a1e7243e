from __future__ import annotations

import pytest

from shared.contracts.platform import SERVICES
from tests.faults.orders import World
from tests.support.platform import Platform
from tests.support.postgres import TestServer


@pytest.fixture(scope="session")
def world(postgres_server: TestServer) -> World:
    """One world for all: each test looks at its own orders, and at sums over everything."""
    return World(Platform({name: postgres_server.database(name) for name in SERVICES}))
