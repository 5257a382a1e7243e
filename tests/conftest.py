"""Fixtures for every tier. Nothing is imported here that a tier may want to patch first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.platform import Platform
    from tests.support.postgres import ServiceDatabase, TestServer


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[TestServer]:
    """A PostgreSQL server of this test process, started at first use."""
    from tests.support.postgres import running_server  # noqa: PLC0415 - see the module's docstring

    with running_server() as server:
        yield server


@pytest.fixture
def service_database(postgres_server: TestServer) -> Callable[[str], ServiceDatabase]:
    """Give a service's database by name, migrated and holding what its migrations put there."""
    ready: dict[str, ServiceDatabase] = {}

    def get(service: str) -> ServiceDatabase:
        if service not in ready:
            ready[service] = postgres_server.database(service)
        return ready[service]

    return get


@pytest.fixture
def empty_database(postgres_server: TestServer) -> Callable[[str], ServiceDatabase]:
    """Give a new database with a service's roles and no tables, for tests of migrations."""
    return postgres_server.empty_database


@pytest.fixture
def platform(service_database: Callable[[str], ServiceDatabase]) -> Platform:
    """Give the whole platform in this process, with the sandbox clock and no events delivered."""
    from tests.support.platform import build  # noqa: PLC0415 - see the module's docstring

    return build(service_database)
