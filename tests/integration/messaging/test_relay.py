"""From the outbox to the broker: in order, at least once, through every outage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from kombu.connection import Connection
from kombu.entity import Queue

from shared.contracts.event import Envelope, EventType
from shared.db import UnitOfWork
from shared.events.topology import stream_between
from shared.messaging.connections import amqp_connections
from shared.outbox.pika_publisher import PikaPublisher
from shared.outbox.publisher import KombuPublisher, Outgoing, Publisher
from shared.outbox.purge import purge_inbox, purge_outbox
from shared.outbox.relay import Relay, backlog
from shared.rpc.wire import decode
from tests.support.events import envelope, waiting
from tests.support.postgres import ServiceDatabase
from tests.support.rabbitmq import Rabbit
from tests.support.waiting import eventually


class Outbox:
    """A producer's outbox, and the relays that empty it."""

    def __init__(self, database: ServiceDatabase, kind: EventType) -> None:
        self.database = database
        self.transactions = database.transactions()
        self.kind = kind
        self._relays: list[tuple[threading.Event, threading.Thread]] = []

    def emit(self, *numbers: int) -> None:
        """Commit events with these numbers."""

        def use_case(uow: UnitOfWork) -> None:
            for number in numbers:
                uow.emit(self.kind, subject="subject", data={"number": number})

        self.transactions.run(use_case)

    def unpublished(self) -> int:
        """Return how many events wait."""
        rows = self.database.query("SELECT count(*) FROM outbox WHERE published_at IS NULL")
        count: int = rows[0][0]
        return count

    def relay(self, publisher: Publisher) -> threading.Event:
        """Run a relay in a thread until the test ends or sets the returned event."""
        relay = Relay(self.database.engine, publisher, self.kind.producer, batch_rows=100)
        stop = threading.Event()
        thread = threading.Thread(target=relay.run, args=(stop,), daemon=True)
        thread.start()
        self._relays.append((stop, thread))
        return stop

    def close(self) -> None:
        """End the relays."""
        for stop, thread in self._relays:
            stop.set()
            thread.join(timeout=10)
            assert not thread.is_alive()


@pytest.fixture
def outbox(database: ServiceDatabase, kind: EventType) -> Iterator[Outbox]:
    """The outbox of a producer nobody else uses."""
    made = Outbox(database, kind)
    yield made
    made.close()


def received(uri: str, consumer: str, kind: EventType) -> list[int]:
    """Take everything out of the consumer's queue; return the events' numbers in order."""
    stream = stream_between(consumer, kind.producer)
    assert stream is not None
    found = []
    with Connection(uri) as connection:
        queue = Queue(stream.queue, channel=connection.channel())
        while message := queue.get(no_ack=True):
            found.append(Envelope.from_wire(decode(message.body)).data["number"])
    return found


class Recorder:
    """A publisher in memory that can be told to fail, or to be slow."""

    def __init__(self) -> None:
        self.published: list[Outgoing] = []
        self.pause_s = 0.0

    def publish(self, batch: Sequence[Outgoing]) -> None:
        time.sleep(self.pause_s)
        self.published.extend(batch)

    def close(self) -> None: ...


def pika(rabbit: Rabbit, kind: EventType) -> Publisher:
    return PikaPublisher(rabbit.uri, kind.producer)


def kombu(rabbit: Rabbit, kind: EventType) -> Publisher:
    return KombuPublisher(amqp_connections(rabbit.uri), kind.producer)


@pytest.mark.parametrize("make", [pika, kombu])
def test_events_arrive_in_order_and_are_marked(
    outbox: Outbox,
    make: Callable[[Rabbit, EventType], Publisher],
    rabbit: Rabbit,
    kind: EventType,
    consumer: str,
) -> None:
    outbox.emit(*range(250))

    outbox.relay(make(rabbit, kind))
    eventually(lambda: outbox.unpublished() == 0)

    assert received(rabbit.uri, consumer, kind) == list(range(250))


def test_envelope_survives_the_way(
    outbox: Outbox, rabbit: Rabbit, kind: EventType, consumer: str
) -> None:
    outbox.emit(5)
    outbox.relay(pika(rabbit, kind))
    eventually(lambda: waiting(rabbit.uri, consumer, kind.producer) == 1)

    stream = stream_between(consumer, kind.producer)
    assert stream is not None
    with Connection(rabbit.uri) as connection:
        message = Queue(stream.queue, channel=connection.channel()).get(no_ack=True)
    assert message is not None
    event = Envelope.from_wire(decode(message.body))

    assert event.read(kind) == {"number": 5}
    assert (event.producer, event.subject, event.sequence) == (kind.producer, "subject", 1)
    assert message.properties["message_id"] == str(event.id)
    assert message.properties["delivery_mode"] == 2


@pytest.mark.rule("T8")
def test_event_arrives_soon_after_its_commit(
    outbox: Outbox, rabbit: Rabbit, kind: EventType, consumer: str
) -> None:
    outbox.relay(pika(rabbit, kind))
    outbox.emit(0)
    eventually(lambda: waiting(rabbit.uri, consumer, kind.producer) == 1)

    outbox.emit(1)

    eventually(lambda: waiting(rabbit.uri, consumer, kind.producer) == 2, within_s=1)


def test_event_nobody_hears_is_marked(outbox: Outbox, rabbit: Rabbit, kind: EventType) -> None:
    outbox.emit(1)

    outbox.relay(pika(rabbit, kind))

    eventually(lambda: outbox.unpublished() == 0)


def test_event_waits_until_its_consumers_queue_is_there(
    outbox: Outbox, rabbit: Rabbit, kind: EventType, consumer: str
) -> None:
    outbox.relay(pika(rabbit, kind))
    outbox.emit(1)
    eventually(lambda: outbox.unpublished() == 0)
    stream = stream_between(consumer, kind.producer)
    assert stream is not None
    with Connection(rabbit.uri) as connection:
        Queue(stream.queue, channel=connection.channel()).delete()

    outbox.emit(2)
    eventually(lambda: outbox.unpublished() == 0)

    assert received(rabbit.uri, consumer, kind) == [2]


@pytest.mark.timeout(300)
def test_events_wait_while_the_broker_is_away(
    outbox: Outbox, own_rabbit: Rabbit, kind: EventType, consumer: str
) -> None:
    outbox.relay(pika(own_rabbit, kind))
    outbox.emit(1)
    eventually(lambda: outbox.unpublished() == 0)

    own_rabbit.stop()
    outbox.emit(2, 3)
    time.sleep(1)
    assert outbox.unpublished() == 2
    own_rabbit.start()
    eventually(lambda: outbox.unpublished() == 0)

    numbers = received(own_rabbit.uri, consumer, kind)
    assert list(dict.fromkeys(numbers)) == [1, 2, 3]


def test_relay_goes_on_after_its_database_sessions_were_cut(
    outbox: Outbox, kind: EventType
) -> None:
    recorder = Recorder()
    outbox.relay(recorder)
    outbox.emit(1)
    eventually(lambda: outbox.unpublished() == 0)

    outbox.database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    outbox.emit(2)

    eventually(lambda: outbox.unpublished() == 0)


def test_second_relay_stands_by_until_the_first_one_loses_its_session(
    outbox: Outbox, kind: EventType
) -> None:
    first, second = Recorder(), Recorder()
    stop_first = outbox.relay(first)
    outbox.emit(1)
    eventually(lambda: len(first.published) == 1)
    outbox.relay(second)
    time.sleep(1.2)
    outbox.emit(2)
    eventually(lambda: len(first.published) == 2)
    assert not second.published

    stop_first.set()
    outbox.emit(3)

    eventually(lambda: outbox.unpublished() == 0)
    assert len(first.published) + len(second.published) == 3


def test_relay_that_lost_its_session_marks_nothing(outbox: Outbox, kind: EventType) -> None:
    outbox.emit(1)
    recorder = Recorder()
    relay = Relay(outbox.database.engine, recorder, kind.producer)
    with outbox.database.engine.connect() as connection:
        session = connection.execution_options(isolation_level="AUTOCOMMIT")
        pid = session.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        recorder.publish = lambda _batch: outbox.database.query(  # type: ignore[assignment,method-assign]
            "SELECT pg_terminate_backend(:pid)", pid=pid
        )
        with pytest.raises(sa.exc.DBAPIError):
            relay.step(session)
        connection.invalidate()

    assert outbox.unpublished() == 1


def test_backlog_counts_what_waits(outbox: Outbox, kind: EventType) -> None:
    with outbox.database.engine.connect() as connection:
        assert backlog(connection) == (0, 0.0)
    outbox.emit(1, 2)
    time.sleep(0.05)

    with outbox.database.engine.connect() as connection:
        rows, age_s = backlog(connection)

    assert rows == 2
    assert 0.05 <= age_s < 5


def test_purge_keeps_what_is_unpublished_or_young(outbox: Outbox, kind: EventType) -> None:
    outbox.emit(1, 2, 3)
    outbox.database.query("UPDATE outbox SET published_at = now() - interval '8 days' WHERE id = 1")
    outbox.database.query("UPDATE outbox SET published_at = now() - interval '6 days' WHERE id = 2")

    deleted = outbox.transactions.sweep("outbox", purge_outbox)

    assert deleted == 1
    assert [row.id for row in outbox.database.query("SELECT id FROM outbox ORDER BY id")] == [2, 3]


def test_purge_of_the_inbox_goes_by_batches(outbox: Outbox, kind: EventType) -> None:
    for number in range(5):
        outbox.transactions.consume(envelope(kind, number), lambda _uow, _event: None)
    outbox.database.query("UPDATE inbox SET consumed_at = now() - interval '31 days'")
    outbox.transactions.consume(envelope(kind, 9), lambda _uow, _event: None)

    def batch(uow: UnitOfWork) -> Any:
        return purge_inbox(uow, kept=timedelta(days=30), limit=2)

    assert outbox.transactions.sweep("inbox", batch) == 5
    assert outbox.database.query("SELECT count(*) FROM inbox")[0][0] == 1
