"""From the outboxes to the in-process broker: the relays of all services, woken by commits.

They are the relays of the real stack. Only two things differ in one process: a commit is known of
at once, so nothing has to be polled for, and the broker's memory is ours, so a consumer that is far
behind holds its producers' relays up.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from shared.db.bootstrap import database_name
from shared.events.topology import exchange_of
from shared.messaging.connections import ConnectionFactory
from shared.outbox.publisher import KombuPublisher, Outgoing, Publisher
from shared.outbox.relay import Relay
from standalone.broker import Broker

LOOK_S = 2.0
"""How often a relay looks without being woken: for rows that another process has written."""
BACKLOG_LETTERS = 5_000
BACKLOG_POLL_S = 0.05
_WRITES_EVENTS = "INSERT INTO outbox "
_MARK = "wrote_events"


class Pace(threading.Event):
    """A relay's stop signal whose waits end early when there is something to send."""

    def __init__(self) -> None:
        super().__init__()
        self._due = threading.Event()

    def wake(self) -> None:
        """End the relay's present pause, or its next one."""
        self._due.set()

    def set(self) -> None:
        """Stop the relay."""
        super().set()
        self.wake()

    def wait(self, timeout: float | None = None) -> bool:
        """Pause; return whether to stop."""
        self._due.wait(timeout)
        self._due.clear()
        return self.is_set()


class PatientPublisher:
    """Holds batches back while a consumer of the producer's events is far behind."""

    def __init__(self, publisher: Publisher, producer: str, broker: Broker, pace: Pace) -> None:
        self._publisher = publisher
        self._exchange = exchange_of(producer)
        self._broker = broker
        self._pace = pace
        self._sleep = threading.Event()

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """Publish when there is room; see `shared.outbox.publisher.Publisher`."""
        while self._broker.backlog(self._exchange) > BACKLOG_LETTERS and not self._pace.is_set():
            self._sleep.wait(BACKLOG_POLL_S)
        self._publisher.publish(batch)

    def close(self) -> None:
        """Let go of the connection."""
        self._publisher.close()


class Relays:
    """A relay per producer, each woken when a transaction of its service wrote events."""

    def __init__(
        self, engines: Mapping[str, sa.Engine], connect: ConnectionFactory, broker: Broker
    ) -> None:
        self._paces = {database_name(producer): Pace() for producer in engines}
        self._threads = []
        for producer, engine in engines.items():
            pace = self._paces[database_name(producer)]
            publisher = PatientPublisher(KombuPublisher(connect, producer), producer, broker, pace)
            relay = Relay(engine, publisher, producer, idle_s=LOOK_S)
            self._threads.append(
                threading.Thread(
                    target=relay.run, args=(pace,), name=f"relay-{producer}", daemon=True
                )
            )

    def start(self) -> None:
        """Start all, and watch every engine of this process."""
        sa.event.listen(sa.Engine, "before_cursor_execute", self._note_events)
        sa.event.listen(sa.Pool, "checkin", self._wake_writer)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop all, each after the batch that is under way."""
        sa.event.remove(sa.Engine, "before_cursor_execute", self._note_events)
        sa.event.remove(sa.Pool, "checkin", self._wake_writer)
        for pace in self._paces.values():
            pace.set()
        for thread in self._threads:
            thread.join()

    def _note_events(
        self, connection: sa.Connection, _cursor: object, statement: str, *_: object
    ) -> None:
        if statement.startswith(_WRITES_EVENTS):
            connection.info[_MARK] = connection.engine.url.database

    def _wake_writer(self, _dbapi_connection: object, record: sa.pool.ConnectionPoolEntry) -> None:
        """Wake the relay when the connection comes back, which is after its commit."""
        pace = self._paces.get(record.info.pop(_MARK, ""))
        if pace is not None:
            pace.wake()
