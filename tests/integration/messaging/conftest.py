"""A broker, and a database with nothing but the platform's tables."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared.contracts.event import EventType
from shared.db.tables import PLATFORM
from shared.events.subscriptions import SUBSCRIPTIONS
from tests.support.events import event_type
from tests.support.postgres import ServiceDatabase
from tests.support.rabbitmq import Rabbit, shared_rabbit


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Rabbit]:
    """A RabbitMQ node for all tests and workers; those that stop it take `own_rabbit`."""
    base = tmp_path_factory.getbasetemp()
    common = base if worker_id == "master" else base.parent
    with shared_rabbit(common / "rabbitmq") as node:
        yield node


@pytest.fixture
def own_rabbit(tmp_path: Path) -> Iterator[Rabbit]:
    """A node that the test may stop, kill and start again."""
    node = Rabbit(tmp_path / "rabbitmq").start()
    yield node
    node.thaw()
    node.remove()


@pytest.fixture
def database(empty_database: Callable[[str], ServiceDatabase]) -> Iterator[ServiceDatabase]:
    """A database with the platform's tables."""
    made = empty_database("relay")
    owner = sa.create_engine(made.owner_url, poolclass=sa.NullPool)
    PLATFORM.outbox.metadata.create_all(owner)
    yield made
    made.engine.dispose()


@pytest.fixture
def kind() -> EventType:
    """An event of a producer nobody else uses, heard by nobody."""
    return event_type()


@pytest.fixture
def consumer(kind: EventType, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a service that hears the event."""
    name = f"consumer_{uuid.uuid4().hex[:8]}"
    monkeypatch.setitem(SUBSCRIPTIONS, name, (kind,))
    return name
