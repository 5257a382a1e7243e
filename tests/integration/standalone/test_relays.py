"""Events go from the outbox to the in-process broker at once, in order, and once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from shared.db import platform_ddl
from shared.db.tables import PLATFORM
from standalone import relays
from standalone.broker import Broker
from standalone.relays import Relay, Relays
from tests.support.postgres import ServiceDatabase
from tests.support.waiting import eventually


@pytest.fixture
def engine(empty_database: Callable[[str], ServiceDatabase]) -> Iterator[sa.Engine]:
    engine = sa.create_engine(empty_database("points").admin_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(platform_ddl.V1)
    yield engine
    engine.dispose()


@pytest.fixture
def broker() -> Broker:
    broker = Broker()
    broker.declare_exchange("points.events", "topic")
    broker.declare_queue("tiers.points.events")
    broker.bind("tiers.points.events", "points.events", "sale.recorded.v1")
    return broker


def write(connection: sa.Connection, *subjects: str) -> None:
    rows = [
        {
            "event_id": uuid.uuid4(),
            "type": "sale.recorded",
            "version": 1,
            "subject": subject,
            "sequence": 1,
            "occurred_at": sa.func.now(),
            "recorded_at": sa.func.now(),
            "request_id": "request-1",
            "data": {"points": 5},
        }
        for subject in subjects
    ]
    for row in rows:
        connection.execute(sa.insert(PLATFORM.outbox).values(**row))


def subjects(broker: Broker) -> list[str]:
    found = []
    while (letter := broker.take("tiers.points.events")) is not None:
        found.append(json.loads(letter.body)["subject"])
    return found


def test_unsent_rows_are_sent_in_order_and_once(engine: sa.Engine, broker: Broker) -> None:
    relay = Relay("points", engine, broker)
    with engine.begin() as connection:
        write(connection, "a", "b", "c")

    assert relay.publish_batch() == 3
    assert relay.publish_batch() == 0
    assert subjects(broker) == ["a", "b", "c"]


def test_message_is_the_envelope_as_json(engine: sa.Engine, broker: Broker) -> None:
    with engine.begin() as connection:
        write(connection, "a")
    Relay("points", engine, broker).publish_batch()

    letter = broker.take("tiers.points.events")

    assert letter is not None
    event = json.loads(letter.body)
    assert (event["type"], event["version"], event["producer"]) == ("sale.recorded", 1, "points")
    assert (event["data"], event["request_id"]) == ({"points": 5}, "request-1")
    assert letter.properties["content_type"] == "application/json"
    assert letter.properties["message_id"] == event["id"]


def test_commit_wakes_the_relay(
    engine: sa.Engine, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relays, "LOOK_S", 3600.0)
    # Woken by the name of the database, which is this test's own.
    monkeypatch.setattr(relays, "database_name", lambda _: engine.url.database)
    running = Relays({"points": engine}, broker)
    running.start()
    try:
        with engine.begin() as connection:
            write(connection, "a")
            assert broker.depth("tiers.points.events") == 0
        eventually(lambda: broker.depth("tiers.points.events") == 1, within_s=2)
    finally:
        running.stop()


def test_rolled_back_events_are_never_sent(engine: sa.Engine, broker: Broker) -> None:
    with engine.connect() as connection:
        write(connection, "a")
        connection.rollback()

    assert Relay("points", engine, broker).publish_batch() == 0


def test_relay_waits_while_a_consumer_is_far_behind(
    engine: sa.Engine, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relays, "BATCH_ROWS", 2)
    monkeypatch.setattr(relays, "BACKLOG_LETTERS", 3)
    with engine.begin() as connection:
        write(connection, *"abcdefgh")
    relay = Relay("points", engine, broker)
    relay.start()
    try:
        eventually(lambda: broker.depth("tiers.points.events") >= 4)
        assert subjects(broker) == ["a", "b", "c", "d"]
        eventually(lambda: broker.depth("tiers.points.events") >= 4)
        assert subjects(broker) == ["e", "f", "g", "h"]
    finally:
        relay.stop()


def test_relay_goes_on_when_the_database_comes_back(
    engine: sa.Engine, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relays, "RETRY_S", 0.05)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE outbox RENAME TO away")
    relay = Relay("points", engine, broker)
    try:
        with capture_logs() as logs:
            relay.start()
            eventually(lambda: logs)
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO outbox")
            write(connection, "a")
        eventually(lambda: broker.depth("tiers.points.events") == 1)
    finally:
        relay.stop()
