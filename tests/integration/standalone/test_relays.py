"""Events go from the outbox to the in-process broker at once and in order."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from kombu.connection import Connection

from shared.db import platform_ddl
from shared.db.tables import PLATFORM
from standalone import relays
from standalone.broker import Broker
from standalone.relays import Pace, PatientPublisher, Relays
from standalone.transport import broker as named_broker
from standalone.transport import forget_broker
from tests.support.postgres import ServiceDatabase
from tests.support.waiting import eventually

NAME = "relays-test"
QUEUE = "tiers.points.events"


@pytest.fixture
def engine(empty_database: Callable[[str], ServiceDatabase]) -> Iterator[sa.Engine]:
    engine = sa.create_engine(empty_database("points").admin_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(platform_ddl.V1)
    yield engine
    engine.dispose()


@pytest.fixture
def broker() -> Iterator[Broker]:
    yield named_broker(NAME)
    forget_broker(NAME)


@pytest.fixture
def running(
    engine: sa.Engine, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], None]]:
    """Start the relay of points, which then looks at its outbox only when it is woken."""
    monkeypatch.setattr(relays, "LOOK_S", 3600.0)
    # Woken by the name of the database, which is this test's own.
    monkeypatch.setattr(relays, "database_name", lambda _: engine.url.database)
    started = Relays({"points": engine}, lambda: Connection(f"inproc://{NAME}"), broker)
    yield started.start
    started.stop()


def write(connection: sa.Connection, *subjects: str) -> None:
    for subject in subjects:
        connection.execute(
            sa.insert(PLATFORM.outbox).values(
                event_id=uuid.uuid4(),
                type="sale.recorded",
                version=1,
                subject=subject,
                sequence=1,
                occurred_at=sa.func.now(),
                recorded_at=sa.func.now(),
                data={"points": 5},
            )
        )


def depth(broker: Broker) -> int:
    return broker.depth(QUEUE) if broker.backlog("points.events") else 0


def subjects(broker: Broker) -> list[str]:
    found = []
    while (letter := broker.take(QUEUE)) is not None:
        found.append(json.loads(letter.body)["subject"])
    return found


def test_rows_of_before_the_start_are_sent_in_order(
    engine: sa.Engine, broker: Broker, running: Callable[[], None]
) -> None:
    with engine.begin() as connection:
        write(connection, "a", "b", "c")

    running()

    eventually(lambda: depth(broker) == 3)
    assert subjects(broker) == ["a", "b", "c"]


def test_commit_wakes_the_relay(
    engine: sa.Engine, broker: Broker, running: Callable[[], None]
) -> None:
    running()
    for subject in ("a", "b"):
        with engine.begin() as connection:
            write(connection, subject)
        eventually(lambda: depth(broker) == 1, within_s=5)
        assert subjects(broker) == [subject]


def test_rolled_back_events_are_never_sent(
    engine: sa.Engine, broker: Broker, running: Callable[[], None]
) -> None:
    running()
    with engine.connect() as connection:
        write(connection, "never")
        connection.rollback()
    with engine.begin() as connection:
        write(connection, "committed")

    eventually(lambda: depth(broker) == 1)
    assert subjects(broker) == ["committed"]


class Counting:
    """A publisher that only counts."""

    def __init__(self) -> None:
        self.batches = 0

    def publish(self, batch: object) -> None:
        self.batches += 1

    def close(self) -> None:
        pass


def crowded(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "BACKLOG_LETTERS", 0)
    with Connection(f"inproc://{NAME}") as connection:
        channel = connection.channel()
        channel.exchange_declare("points.events", "topic")
        channel.queue_declare(QUEUE)
        channel.queue_bind(QUEUE, "points.events", "#")
        packed = channel.prepare_message(b"{}")
        channel.basic_publish(packed, exchange="points.events", routing_key="sale.recorded.v1")
    assert broker.depth(QUEUE) == 1


def test_relay_is_held_up_until_its_consumer_has_caught_up(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowded(broker, monkeypatch)
    inner, pace = Counting(), Pace()
    publisher = PatientPublisher(inner, "points", broker, pace)

    waits: list[int] = []

    def look(_self: object, _timeout: float) -> bool:
        waits.append(inner.batches)
        if len(waits) == 3:
            broker.take(QUEUE)
        return False

    monkeypatch.setattr(publisher, "_sleep", type("Sleep", (), {"wait": look})())
    publisher.publish([])

    assert waits == [0, 0, 0]
    assert inner.batches == 1


def test_stop_is_not_held_up_by_a_consumer(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    crowded(broker, monkeypatch)
    inner, pace = Counting(), Pace()
    pace.set()

    PatientPublisher(inner, "points", broker, pace).publish([])

    assert inner.batches == 1
