"""From the outboxes to the in-process broker: one thread per producer, woken by commits.

The relay of the real stack deals with a broker that may be away and asks it for confirms. Here
publishing is a call within the process, and what goes with it `standalone.resend` sends again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
import structlog

from shared.contracts.event import Envelope
from shared.db.bootstrap import database_name
from shared.db.tables import PLATFORM
from shared.events.topology import exchange_of
from shared.rpc.wire import CONTENT_ENCODING, CONTENT_TYPE, encode
from standalone.broker import Broker, Letter

_log = structlog.get_logger(__name__)

BATCH_ROWS = 500
LOOK_S = 2.0
"""How often a relay looks without being woken: for rows that another process has written."""
RETRY_S = 1.0
BACKLOG_LETTERS = 5_000
"""A consumer this far behind holds its producers' relays up, so that memory stays bounded."""
BACKLOG_POLL_S = 0.05
_WRITES_EVENTS = "INSERT INTO outbox "
_MARK = "wrote_events"


class Relay:
    """Publishes one service's outbox in the order of its ids, over and over."""

    def __init__(self, producer: str, engine: sa.Engine, broker: Broker) -> None:
        self.producer = producer
        self._engine = engine
        self._broker = broker
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"relay-{producer}", daemon=True)

    def start(self) -> None:
        """Begin; consumers' queues must be there, or they would miss what is sent now."""
        self._broker.declare_exchange(exchange_of(self.producer), "topic")
        self._due.set()
        self._thread.start()

    def wake(self) -> None:
        """Say that there may be something to send."""
        self._due.set()

    def stop(self) -> None:
        """End after the batch that is under way."""
        self._stopping.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._due.wait(LOOK_S)
            self._due.clear()
            try:
                while self.publish_batch() == BATCH_ROWS and not self._stopping.is_set():
                    pass
            except Exception as error:  # the database may be away; nothing is lost by waiting
                _log.warning("relay_failed", producer=self.producer, error=repr(error))
                self._stopping.wait(RETRY_S)
                self._due.set()

    def publish_batch(self) -> int:
        """Send the oldest rows that were not sent yet; return how many."""
        self._wait_for_consumers()
        outbox = PLATFORM.outbox
        unsent = (
            sa.select(outbox)
            .where(outbox.c.published_at.is_(None))
            .order_by(outbox.c.id)
            .limit(BATCH_ROWS)
        )
        with self._engine.begin() as connection:
            rows = connection.execute(unsent).mappings().all()
            for row in rows:
                self._broker.publish(letter(self.producer, row))
            self._mark(connection, rows)
        return len(rows)

    def _mark(self, connection: sa.Connection, rows: Sequence[sa.RowMapping]) -> None:
        if rows:
            outbox = PLATFORM.outbox
            connection.execute(
                sa.update(outbox)
                .where(outbox.c.id.in_([row["id"] for row in rows]))
                .values(published_at=sa.func.now())
            )

    def _wait_for_consumers(self) -> None:
        exchange = exchange_of(self.producer)
        while self._broker.backlog(exchange) > BACKLOG_LETTERS:
            if self._stopping.wait(BACKLOG_POLL_S):
                return


def letter(producer: str, row: sa.RowMapping) -> Letter:
    """Return an outbox row as the message that consumers expect."""
    event = Envelope(
        id=row["event_id"],
        type=row["type"],
        version=row["version"],
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
        producer=producer,
        subject=row["subject"],
        sequence=row["sequence"],
        data=row["data"],
        traceparent=row["traceparent"],
        request_id=row["request_id"],
    )
    properties = {
        "content_type": CONTENT_TYPE,
        "content_encoding": CONTENT_ENCODING,
        "delivery_mode": 2,
        "message_id": str(event.id),
    }
    return Letter(encode(event.to_wire()), properties, {}, exchange_of(producer), event.routing_key)


class Relays:
    """The relays of all producers, each woken when a transaction of its service wrote events."""

    def __init__(self, engines: Mapping[str, sa.Engine], broker: Broker) -> None:
        self._relays = {
            database_name(producer): Relay(producer, engine, broker)
            for producer, engine in engines.items()
        }

    def start(self) -> None:
        """Start all, and watch every engine of this process."""
        sa.event.listen(sa.Engine, "before_cursor_execute", self._note_events)
        sa.event.listen(sa.Pool, "checkin", self._wake_writer)
        for relay in self._all():
            relay.start()

    def stop(self) -> None:
        """Stop all."""
        sa.event.remove(sa.Engine, "before_cursor_execute", self._note_events)
        sa.event.remove(sa.Pool, "checkin", self._wake_writer)
        for relay in self._all():
            relay.stop()

    def _all(self) -> Iterable[Relay]:
        return self._relays.values()

    def _note_events(
        self, connection: sa.Connection, _cursor: object, statement: str, *_: object
    ) -> None:
        if statement.startswith(_WRITES_EVENTS):
            connection.info[_MARK] = connection.engine.url.database

    def _wake_writer(self, _dbapi_connection: object, record: sa.pool.ConnectionPoolEntry) -> None:
        """Wake the relay when the connection comes back, which is after its commit."""
        relay = self._relays.get(record.info.pop(_MARK, ""))
        if relay is not None:
            relay.wake()
