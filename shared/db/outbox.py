"""The write side of the outbox (see `shared.outbox` for the relay that empties it)."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa

from shared.db.tables import PLATFORM
from shared.db.units import UnitOfWork
from shared.ids import new_id


def write_events(uow: UnitOfWork) -> None:
    """Append the unit's events.

    The counter row of each subject is taken in sorted order and held until commit. So sequences of
    a subject have no gaps, ids of a subject commit in rising order, and the relay, which reads by
    id, can never overtake.
    """
    if not uow.events:
        return
    next_sequence = _reserve_sequences(uow)
    rows = []
    for event in uow.events:
        next_sequence[event.subject] += 1
        rows.append(
            {
                "event_id": new_id(),
                "type": event.type.name,
                "version": event.type.version,
                "subject": event.subject,
                "sequence": next_sequence[event.subject],
                "occurred_at": event.occurred_at,
                "recorded_at": uow.now,
                "traceparent": uow.context.traceparent,
                "request_id": uow.context.request_id,
                "data": dict(event.data),
            }
        )
    uow.connection.execute(sa.insert(PLATFORM.outbox), rows)


def _reserve_sequences(uow: UnitOfWork) -> dict[str, int]:
    """Raise each subject's counter by its number of events; return the values before."""
    counts = sorted(Counter(event.subject for event in uow.events).items())
    statement = sa.text(
        "INSERT INTO event_sequences AS s (subject, last)"
        " SELECT * FROM unnest(CAST(:subjects AS text[]), CAST(:counts AS bigint[]))"
        " ON CONFLICT (subject) DO UPDATE SET last = s.last + excluded.last"
        " RETURNING subject, last"
    )
    found = uow.connection.execute(
        statement,
        {"subjects": [subject for subject, _ in counts], "counts": [count for _, count in counts]},
    )
    by_subject = dict(counts)
    return {row.subject: row.last - by_subject[row.subject] for row in found}
