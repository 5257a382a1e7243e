"""No event is lost with the in-process broker's memory.

A broker on disk would still hold the events that were published and not yet consumed when the
process was killed. Here the databases know: an event a consumer has had is in its inbox. So at
start each producer's outbox is compared with the inboxes of its consumers, and what is missing in
one is marked unpublished; the relay sends it again, and inboxes that have it skip it.

To keep a start cheap, each consumer's database holds a checkpoint per producer: every event up to
that outbox id either is in its inbox or is listed as a gap. The checkpoint moves on while the
platform runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
import structlog

from shared.events.subscriptions import SUBSCRIPTIONS

_log = structlog.get_logger(__name__)

BATCH_ROWS = 5_000
SETTLE_S = 5.0
"""How long `Resender.advance` waits for writers that may still commit an earlier id."""
POLL_S = 0.02

_UNPUBLISHED = sa.text("UPDATE outbox SET published_at = NULL WHERE id = ANY(:ids)")
_PUBLISHED_LATELY = sa.text(
    "UPDATE outbox SET published_at = now() WHERE id = ANY(:ids)"
    " AND published_at < now() - interval '1 day'"
)
SCHEMA = (
    "CREATE SCHEMA IF NOT EXISTS standalone",
    "CREATE TABLE IF NOT EXISTS standalone.gaps ("
    " producer text NOT NULL, outbox_id bigint NOT NULL, PRIMARY KEY (producer, outbox_id))",
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one service consumes of another: ``types`` are (name, version)."""

    consumer: str
    producer: str
    types: frozenset[tuple[str, int]]


def subscriptions() -> list[Subscription]:
    """Return who hears what, from the table that also makes the queues."""
    found = []
    for consumer, heard in SUBSCRIPTIONS.items():
        for producer in sorted({event_type.producer for event_type in heard}):
            types = frozenset((e.name, e.version) for e in heard if e.producer == producer)
            found.append(Subscription(consumer, producer, types))
    return found


class Resender:
    """Compares outboxes with inboxes; ``engines`` reach each service's database as superuser."""

    def __init__(
        self, engines: Mapping[str, sa.Engine], subscriptions: Iterable[Subscription]
    ) -> None:
        self._engines = engines
        self._subscriptions = tuple(subscriptions)

    def prepare(self) -> None:
        """Make the table of gaps in each consumer's database."""
        for consumer in {subscription.consumer for subscription in self._subscriptions}:
            with self._engines[consumer].begin() as connection:
                for statement in SCHEMA:
                    connection.execute(sa.text(statement))

    def before_start(self) -> int:
        """Mark what some consumer has not had as unpublished; return how many times.

        Nothing else may be using the databases: no relay, no service.
        """
        found = 0
        for subscription in self._subscriptions:
            for missing in self._examine(subscription, self._last_id(subscription.producer)):
                found += self._mark(subscription.producer, missing, _UNPUBLISHED)
        if found:
            _log.info("events_sent_again", events=found)
        return found

    def advance(self) -> None:
        """Move the checkpoints on, so that the next start looks at what came after.

        What a consumer still lacks is kept from the housekeeping of outboxes, which forgets what
        was published long ago.
        """
        horizons: dict[str, int | None] = {}
        for subscription in self._subscriptions:
            producer = subscription.producer
            if producer not in horizons:
                horizons[producer] = self._settled_id(producer)
            horizon = horizons[producer]
            if horizon is not None:
                for missing in self._examine(subscription, horizon):
                    self._mark(producer, missing, _PUBLISHED_LATELY)

    def _last_id(self, producer: str) -> int:
        with self._engines[producer].connect() as connection:
            return _last_id(connection)

    def _settled_id(self, producer: str) -> int | None:
        """Return an outbox id below which nothing can appear any more; None when writers linger.

        Ids are drawn before their transactions commit, so one that is missing now may still come.
        Whoever drew an id up to the highest visible one holds its lock on the table by now.
        """
        with self._engines[producer].connect() as connection:
            last = _last_id(connection)
            writers = _writers(connection)
            deadline = time.monotonic() + SETTLE_S
            while writers & _writers(connection):
                if time.monotonic() > deadline:
                    return None
                time.sleep(POLL_S)
            return last

    def _examine(self, subscription: Subscription, horizon: int) -> Iterable[list[int]]:
        """Yield the ids, in batches, of events up to ``horizon`` that the consumer has not had.

        Each batch's gaps and the checkpoint behind it are committed together before the next one.
        """
        with self._engines[subscription.consumer].begin() as consumer:
            reached = _checkpoint(consumer, subscription.producer)
        yield from self._examine_gaps(subscription)
        while reached < horizon:
            batch = self._events(subscription, reached, horizon)
            end = batch[-1][0] if len(batch) == BATCH_ROWS else horizon
            with self._engines[subscription.consumer].begin() as consumer:
                missing = _not_in_inbox(consumer, subscription.producer, batch)
                _add_gaps(consumer, subscription.producer, missing)
                _set_checkpoint(consumer, subscription.producer, end)
            if missing:
                yield missing
            reached = end

    def _examine_gaps(self, subscription: Subscription) -> Iterable[list[int]]:
        after = 0
        while True:
            with self._engines[subscription.consumer].begin() as consumer:
                ids = _gaps(consumer, subscription.producer, after)
                if not ids:
                    return
                batch = self._events_by_id(subscription, ids)
                missing = _not_in_inbox(consumer, subscription.producer, batch)
                # Gone from the gaps, too: what the producer has deleted or no longer sends here.
                _remove_gaps(consumer, subscription.producer, sorted({*ids} - {*missing}))
            if missing:
                yield missing
            after = ids[-1]

    def _events(
        self, subscription: Subscription, after: int, horizon: int
    ) -> list[tuple[int, UUID]]:
        return self._select_events(
            subscription,
            "id > :after AND id <= :horizon",
            {"after": after, "horizon": horizon},
        )

    def _events_by_id(
        self, subscription: Subscription, ids: Sequence[int]
    ) -> list[tuple[int, UUID]]:
        return self._select_events(subscription, "id = ANY(:ids)", {"ids": list(ids)})

    def _select_events(
        self, subscription: Subscription, condition: str, values: Mapping[str, object]
    ) -> list[tuple[int, UUID]]:
        types = sorted(subscription.types)
        statement = sa.text(
            f"SELECT id, event_id FROM outbox WHERE {condition}"  # noqa: S608 - fixed texts
            " AND (type, version) IN (SELECT * FROM unnest("
            "CAST(:names AS text[]), CAST(:versions AS smallint[])))"
            " ORDER BY id LIMIT :limit"
        )
        with self._engines[subscription.producer].connect() as producer:
            rows = producer.execute(
                statement,
                {
                    **values,
                    "names": [name for name, _ in types],
                    "versions": [version for _, version in types],
                    "limit": BATCH_ROWS,
                },
            )
            return [(row.id, row.event_id) for row in rows]

    def _mark(self, producer: str, ids: list[int], assignment: sa.TextClause) -> int:
        with self._engines[producer].begin() as connection:
            return connection.execute(assignment, {"ids": ids}).rowcount


def _last_id(connection: sa.Connection) -> int:
    last: int = connection.execute(sa.text("SELECT coalesce(max(id), 0) FROM outbox")).scalar_one()
    return last


def _writers(connection: sa.Connection) -> set[str]:
    """Return the transactions that have written to the outbox or are about to."""
    rows = connection.execute(
        sa.text(
            "SELECT virtualtransaction FROM pg_locks WHERE mode = 'RowExclusiveLock'"
            " AND relation = CAST('outbox' AS regclass)"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    )
    return set(rows.scalars())


def _checkpoint(consumer: sa.Connection, producer: str) -> int:
    found = consumer.execute(
        sa.text("SELECT outbox_id FROM inbox_checkpoints WHERE producer = :producer"),
        {"producer": producer},
    ).scalar()
    return found or 0


def _set_checkpoint(consumer: sa.Connection, producer: str, outbox_id: int) -> None:
    consumer.execute(
        sa.text(
            "INSERT INTO inbox_checkpoints (producer, outbox_id) VALUES (:producer, :outbox_id)"
            " ON CONFLICT (producer) DO UPDATE SET outbox_id = excluded.outbox_id"
        ),
        {"producer": producer, "outbox_id": outbox_id},
    )


def _not_in_inbox(
    consumer: sa.Connection, producer: str, events: Sequence[tuple[int, UUID]]
) -> list[int]:
    """Return the outbox ids of the events that the consumer has not had."""
    if not events:
        return []
    seen = consumer.execute(
        sa.text("SELECT event_id FROM inbox WHERE producer = :producer AND event_id = ANY(:ids)"),
        {"producer": producer, "ids": [event_id for _, event_id in events]},
    )
    had = set(seen.scalars())
    return [outbox_id for outbox_id, event_id in events if event_id not in had]


def _gaps(consumer: sa.Connection, producer: str, after: int) -> list[int]:
    rows = consumer.execute(
        sa.text(
            "SELECT outbox_id FROM standalone.gaps WHERE producer = :producer"
            " AND outbox_id > :after ORDER BY outbox_id LIMIT :limit"
        ),
        {"producer": producer, "after": after, "limit": BATCH_ROWS},
    )
    return list(rows.scalars())


def _add_gaps(consumer: sa.Connection, producer: str, ids: Sequence[int]) -> None:
    consumer.execute(
        sa.text(
            "INSERT INTO standalone.gaps (producer, outbox_id)"
            " SELECT :producer, unnest(CAST(:ids AS bigint[])) ON CONFLICT DO NOTHING"
        ),
        {"producer": producer, "ids": list(ids)},
    )


def _remove_gaps(consumer: sa.Connection, producer: str, ids: Sequence[int]) -> None:
    consumer.execute(
        sa.text(
            "DELETE FROM standalone.gaps WHERE producer = :producer"
            " AND outbox_id = ANY(CAST(:ids AS bigint[]))"
        ),
        {"producer": producer, "ids": list(ids)},
    )
