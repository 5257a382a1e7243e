"""The lapse of many accounts' lots by few statements: what `Book` does one by one (L4).

Only accounts on which nothing but lapses can be due come here, that is those without pending and
held points. A test holds both ways to the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.points.repository.book import LOT
from services.points.repository.wire import instant
from shared.contracts.points import events
from shared.db import UnitOfWork
from shared.db.prepared import Prepared

_UUIDS = ARRAY(sa.Uuid(as_uuid=True))


_LOCK = sa.text("""
WITH locked AS MATERIALIZED (
    SELECT member_id, next_lapse_at FROM accounts
    WHERE next_lapse_at <= :now AND pending = 0 AND held = 0
    ORDER BY next_lapse_at LIMIT :most
    FOR UPDATE SKIP LOCKED
)
SELECT a.member_id, (
    SELECT count(*) FROM lots l
    WHERE l.member_id = a.member_id AND l.remaining > 0 AND l.expires_at <= :now
) AS lots
FROM locked a ORDER BY a.next_lapse_at
""")


def lock(connection: sa.Connection, now: datetime, *, accounts: int, lots: int) -> list[UUID]:
    """Lock some due accounts that nobody works on, of about so many lots in all."""
    chosen: list[UUID] = []
    total = 0
    for member_id, count in connection.execute(_LOCK, {"now": now, "most": accounts}):
        total += count
        if chosen and total > lots:
            break
        chosen.append(member_id)
    return chosen


# Names of our own tables and constants of this code only.
_EXPIRE = sa.text(f"""
WITH lapsed AS MATERIALIZED (
    SELECT member_id, lot_id, remaining AS points, expires_at,
        dense_rank() OVER (PARTITION BY member_id ORDER BY expires_at) AS place,
        row_number() OVER (
            PARTITION BY member_id, expires_at ORDER BY activated_at, lot_id
        ) - 1 AS seq
    FROM lots WHERE member_id = ANY (:members) AND remaining > 0 AND expires_at <= :now
), instants AS MATERIALIZED (
    SELECT l.member_id, l.place, l.expires_at, a.last_number + l.place AS number,
        sum(l.points)::bigint AS points, (array_agg(l.lot_id ORDER BY l.seq))[1] AS first_lot_id,
        a.available - sum(sum(l.points)) OVER (PARTITION BY l.member_id ORDER BY l.place)
            AS balance_after,
        uuidv7() AS transaction_id
    FROM lapsed l JOIN accounts a USING (member_id)
    GROUP BY l.member_id, l.place, l.expires_at, a.last_number, a.available
), totals AS MATERIALIZED (
    SELECT member_id, count(*) AS entries, sum(points)::bigint AS points
    FROM instants GROUP BY member_id
), entries AS (
    INSERT INTO transactions (member_id, number, transaction_id, type, reference_kind,
        reference_id, line_id, rule, points, balance_after, occurred_at, posted_at, actor,
        request_id)
    SELECT member_id, number, transaction_id, 'expire', '{LOT}', first_lot_id::text, '', '',
        -points, balance_after, expires_at, :now, :actor, :request_id
    FROM instants ORDER BY member_id, number
    RETURNING 1
), moves AS (
    INSERT INTO postings (member_id, number, seq, debit, credit, points)
    SELECT member_id, number, 0, 'available', 'expired', points FROM instants
    ORDER BY member_id, number
    RETURNING 1
), parts AS (
    INSERT INTO lot_entries (member_id, number, seq, lot_id, points)
    SELECT l.member_id, i.number, l.seq, l.lot_id, -l.points
    FROM lapsed l JOIN instants i USING (member_id, place)
    ORDER BY l.member_id, i.number, l.seq
    RETURNING 1
), emptied AS (
    UPDATE lots SET remaining = 0 FROM lapsed
    WHERE lots.member_id = lapsed.member_id AND lots.lot_id = lapsed.lot_id
        AND lots.member_id = ANY (:members)
    RETURNING 1
), figures AS (
    UPDATE accounts SET available = available - coalesce(t.points, 0),
        expired = expired + coalesce(t.points, 0),
        last_number = last_number + coalesce(t.entries, 0),
        next_lapse_at = (
            SELECT min(l.expires_at) FROM lots l
            WHERE l.member_id = due.member_id AND l.remaining > 0 AND l.expires_at > :now
        )
    FROM unnest(:members) AS due (member_id) LEFT JOIN totals t USING (member_id)
    WHERE accounts.member_id = due.member_id AND accounts.member_id = ANY (:members)
    RETURNING 1
), sequences AS (
    INSERT INTO event_sequences AS s (subject, last)
    SELECT member_id::text, entries FROM totals ORDER BY member_id::text
    ON CONFLICT (subject) DO UPDATE SET last = s.last + excluded.last
    RETURNING subject, last
), facts AS (
    INSERT INTO outbox (event_id, type, version, subject, sequence, occurred_at, recorded_at,
        traceparent, request_id, data)
    SELECT uuidv7(), '{events.EXPIRED.name}', {events.EXPIRED.version}, s.subject,
        s.last - t.entries + i.place, i.expires_at, :now, :traceparent, :request_id,
        jsonb_build_object('member_id', i.member_id, 'transaction_id', i.transaction_id,
            'points', i.points, 'expired_at', {instant("i.expires_at")})
    FROM instants i JOIN totals t USING (member_id)
        JOIN sequences s ON s.subject = i.member_id::text
    ORDER BY i.member_id, i.place
    RETURNING 1
)
SELECT (SELECT count(*) FROM lapsed) AS lapsed, (SELECT count(*) FROM parts) AS parts,
    (SELECT count(*) FROM emptied) AS emptied, (SELECT count(*) FROM instants) AS instants,
    (SELECT count(*) FROM entries) AS entries, (SELECT count(*) FROM moves) AS moves,
    (SELECT count(*) FROM facts) AS facts, (SELECT count(*) FROM figures) AS figures
""").bindparams(  # noqa: S608
    sa.bindparam("members", type_=_UUIDS),
    sa.bindparam("now", type_=sa.DateTime(timezone=True)),
    *(sa.bindparam(name, type_=sa.Text()) for name in ("actor", "request_id", "traceparent")),
)
_EXPIRE_PREPARED = Prepared("expire_lots", _EXPIRE)


def expire(uow: UnitOfWork, members: Sequence[UUID]) -> int:
    """Write the lapse of all due lots of locked accounts: entries, figures, facts; return how many.

    Raises:
        RuntimeError: the tables contradict each other; nothing is written.
    """
    values = {
        "members": list(members),
        "now": uow.now,
        "actor": uow.actor.key,
        "request_id": uow.context.request_id,
        "traceparent": uow.context.traceparent,
    }
    found = _EXPIRE_PREPARED.execute(uow.connection, values).one()
    lots_agree = found.lapsed == found.parts == found.emptied
    entries_agree = found.instants == found.entries == found.moves == found.facts
    if not (lots_agree and entries_agree and found.figures == len(members)):
        raise RuntimeError(f"lots of {len(members)} accounts lapse, written: {found}")
    return int(found.lapsed)
