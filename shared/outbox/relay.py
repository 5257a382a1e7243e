"""Moves events from a service's outbox to the broker, in the order written, at least once.

One relay of a service works at a time: the one whose database session holds an advisory lock. It
reads, publishes and marks over that same session; when the session ends, so does its right to go
on. A relay that took over may publish once more what its predecessor could not mark any more;
inboxes make that harmless.

The table is polled. ``NOTIFY`` would be the alternative, but it takes one lock for the whole server
at each commit, which is the very place where sales should not queue. An idle poll reads one
partial index that is empty.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog
from prometheus_client import Counter, Gauge

from shared.contracts.event import Envelope
from shared.db.tables import PLATFORM
from shared.events.topology import exchange_of
from shared.messaging.connections import backoff
from shared.outbox.publisher import Outgoing, Publisher, PublishFailed
from shared.rpc.wire import encode

_log = structlog.get_logger(__name__)

BATCH_ROWS = 500
IDLE_S = 0.05
"""Pause after a look that found nothing: half of it is an event's mean delay on this way."""
STANDBY_S = 1.0
"""Pause between attempts to become the leader."""
STUCK_S = 90.0
"""Longer than any wait for broker or database may take."""
MEASURE_S = 5.0
MEASURE_ROWS = 100_000
"""The backlog is counted up to here."""

_outbox = PLATFORM.outbox

_lag = Gauge("loyalty_outbox_lag_rows", "Events that wait to be published", ["service"])
_age = Gauge("loyalty_outbox_age_seconds", "How long the oldest of them has waited", ["service"])
_leader = Gauge("loyalty_outbox_leader", "1 where this relay is the one at work", ["service"])
_published = Counter("loyalty_outbox_published_total", "Events published", ["service"])
_failed = Counter("loyalty_outbox_failures_total", "Batches that were not published", ["service"])


class Relay:
    """Empties the outbox of ``service`` into ``publisher`` until it is told to stop.

    ``engine`` reaches the service's database. A pooler in front of it must pool sessions, not
    transactions.
    """

    def __init__(
        self,
        engine: sa.Engine,
        publisher: Publisher,
        service: str,
        *,
        batch_rows: int = BATCH_ROWS,
        idle_s: float = IDLE_S,
    ) -> None:
        self._engine = engine
        self._publisher = publisher
        self._service = service
        self._batch_rows = batch_rows
        self._idle_s = idle_s
        self._measure_at = 0.0
        self._turned_at = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether the relay's thread still goes round, be broker and database there or not."""
        return time.monotonic() - self._turned_at < STUCK_S

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set, whatever happens to broker and database meanwhile."""
        pauses = backoff()
        while not stop.is_set():
            self._turned_at = time.monotonic()
            try:
                if self._lead(stop):
                    pauses = backoff()
            except (sa.exc.SQLAlchemyError, PublishFailed) as error:
                _failed.labels(self._service).inc()
                _log.warning("relay_interrupted", service=self._service, error=str(error))
                stop.wait(next(pauses))
            finally:
                _leader.labels(self._service).set(0)
        self._publisher.close()

    def _lead(self, stop: threading.Event) -> bool:
        """Become the leader and work; return whether anything was published before the stop."""
        with self._engine.connect() as connection:
            # Each statement for itself: nothing stays open while the broker is waited for.
            session = connection.execution_options(isolation_level="AUTOCOMMIT")
            try:
                if not self._take_lock(session):
                    stop.wait(STANDBY_S)
                    return False
                _leader.labels(self._service).set(1)
                _log.info("relay_leads", service=self._service)
                return self._work(session, stop)
            finally:
                # Ends the session, and with it the lock; back in the pool it would keep it.
                connection.invalidate()

    def _work(self, session: sa.Connection, stop: threading.Event) -> bool:
        sent = 0
        while not stop.is_set():
            self._turned_at = time.monotonic()
            number = self.step(session)
            sent += number
            self._measure(session)
            if number < self._batch_rows:
                stop.wait(self._idle_s)
        return sent > 0

    def step(self, session: sa.Connection) -> int:
        """Publish one batch and mark it; return how many events it had.

        ``session`` commits each statement for itself.

        Raises:
            PublishFailed: nothing was marked.
            SQLAlchemyError: the batch may have been published without being marked.
        """
        rows = session.execute(
            sa.select(_outbox)
            .where(_outbox.c.published_at.is_(None))
            .order_by(_outbox.c.id)
            .limit(self._batch_rows)
        ).all()
        if not rows:
            return 0
        self._publisher.publish([_outgoing(row, self._service) for row in rows])
        session.execute(
            sa.update(_outbox)
            .where(_outbox.c.id.in_([row.id for row in rows]))
            .values(published_at=sa.func.clock_timestamp())
        )
        _published.labels(self._service).inc(len(rows))
        return len(rows)

    def _take_lock(self, session: sa.Connection) -> bool:
        key = f"outbox-relay:{self._service}"
        taken: bool = session.execute(
            sa.select(sa.func.pg_try_advisory_lock(sa.func.hashtextextended(key, 0)))
        ).scalar_one()
        return taken

    def _measure(self, session: sa.Connection) -> None:
        if time.monotonic() < self._measure_at:
            return
        self._measure_at = time.monotonic() + MEASURE_S
        rows, age_s = backlog(session)
        _lag.labels(self._service).set(rows)
        _age.labels(self._service).set(age_s)


def backlog(connection: sa.Connection) -> tuple[int, float]:
    """Return how many events wait (counted up to `MEASURE_ROWS`) and the oldest one's age in s."""
    waiting = (
        sa.select(_outbox.c.recorded_at)
        .where(_outbox.c.published_at.is_(None))
        .order_by(_outbox.c.id)
        .limit(MEASURE_ROWS)
        .subquery()
    )
    # The platform's time may run ahead of the machine's (A8), and `recorded_at` is in it.
    ahead = sa.select(PLATFORM.sandbox_clock.c.offset_us).scalar_subquery()
    rows, oldest, now, ahead_us = connection.execute(
        sa.select(
            sa.func.count(), sa.func.min(waiting.c.recorded_at), sa.func.clock_timestamp(), ahead
        ).select_from(waiting)
    ).one()
    return rows, _age_s(oldest, now, ahead_us or 0)


def _age_s(oldest: datetime | None, now: datetime, ahead_us: int) -> float:
    if oldest is None:
        return 0.0
    return max((now - oldest).total_seconds() + ahead_us / 1_000_000, 0.0)


def _outgoing(row: Any, producer: str) -> Outgoing:
    envelope = Envelope(
        id=row.event_id,
        type=row.type,
        version=row.version,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        producer=producer,
        subject=row.subject,
        sequence=row.sequence,
        data=row.data,
        traceparent=row.traceparent,
        request_id=row.request_id,
    )
    return Outgoing(
        event_id=row.event_id,
        exchange=exchange_of(producer),
        routing_key=envelope.routing_key,
        body=encode(envelope.to_wire()),
    )
