"""The write side of the outbox (see `shared.outbox` for the relay that empties it)."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import sqlalchemy as sa

from shared.clock import rfc3339
from shared.db.units import UnitOfWork
from shared.ids import new_id

_APPEND = sa.text("""
WITH event AS (
    SELECT * FROM jsonb_to_recordset(CAST(:events AS jsonb)) AS r(
        place integer, later integer, event_id uuid, type text, version smallint, subject text,
        occurred_at timestamptz, data jsonb
    )
), counter AS (
    INSERT INTO event_sequences AS s (subject, last)
    SELECT subject, count(*) FROM event GROUP BY subject ORDER BY subject
    ON CONFLICT (subject) DO UPDATE SET last = s.last + excluded.last
    RETURNING subject, last
)
INSERT INTO outbox (event_id, type, version, subject, sequence, occurred_at, recorded_at,
    traceparent, request_id, data)
SELECT event_id, type, version, subject, counter.last - later, occurred_at, :recorded_at,
    :traceparent, :request_id, data
FROM event JOIN counter USING (subject) ORDER BY place
""")


def write_events(uow: UnitOfWork) -> None:
    """Append the unit's events, in one statement.

    The counter row of each subject is taken in sorted order and held until commit. So sequences of
    a subject have no gaps, ids of a subject commit in rising order, and the relay, which reads by
    id, can never overtake.
    """
    if not uow.events:
        return
    later = Counter(event.subject for event in uow.events)
    rows: list[dict[str, Any]] = []
    for place, event in enumerate(uow.events):
        later[event.subject] -= 1
        rows.append(
            {
                "place": place,
                "later": later[event.subject],
                "event_id": new_id().hex,
                "type": event.type.name,
                "version": event.type.version,
                "subject": event.subject,
                "occurred_at": rfc3339(event.occurred_at),
                "data": dict(event.data),
            }
        )
    uow.connection.execute(
        _APPEND,
        {
            "events": json.dumps(rows, separators=(",", ":"), ensure_ascii=False),
            "recorded_at": uow.now,
            "traceparent": uow.context.traceparent,
            "request_id": uow.context.request_id,
        },
    )
