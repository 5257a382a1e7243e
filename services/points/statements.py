"""A member's month: what it began with, what happened, what it ended with, what lapses next.

An entry belongs to the local month in which it was posted, so that a month that is over never
changes. The entries of a month are found by halving, not by reading all before them: a page costs
the same however long the history is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.points import queries, tables
from services.points.domain.programme import Programme
from shared.db import Snapshot
from shared.errors import NotFound

LAPSES_SHOWN = 3
_DECEMBER = 12
# Entries are numbered in the order of their locks, and stamped when their transactions began: at
# a month's end some may be a moment out of order, never by anything like a hundred.
_LAST_BEFORE = sa.text("""
WITH RECURSIVE search AS (
    SELECT CAST(0 AS bigint) AS low, last_number + 1 AS high
    FROM accounts WHERE member_id = :member_id
    UNION ALL
    SELECT CASE WHEN t.posted_at < :instant THEN t.number ELSE s.low END,
        CASE WHEN t.posted_at < :instant THEN s.high ELSE t.number END
    FROM search s
    JOIN transactions t ON t.member_id = :member_id AND t.number = (s.low + s.high) / 2
    WHERE s.high - s.low > 1
), found AS (
    SELECT low FROM search ORDER BY high - low LIMIT 1
)
SELECT greatest(low, (
    SELECT max(number) FROM transactions
    WHERE member_id = :member_id AND number > low AND number <= low + 100 AND posted_at < :instant
)) FROM found
""")


def statement(
    snapshot: Snapshot,
    *,
    programme: Programme,
    member_id: UUID,
    exists: bool,
    month: str,
    limit: int,
    after: Mapping[str, Any] | None,
) -> Mapping[str, Any]:
    """Return a page of a member's entries of a month, oldest first, with what frames them.

    Raises:
        NotFound: the month has not begun, or points has not heard of the member and the caller
            does not vouch for it.
    """
    begins, ends = _bounds(programme, month)
    if begins > snapshot.now:
        raise NotFound
    owned = queries.balance(snapshot, programme=programme, member_id=member_id, exists=exists)
    before = _last_before(snapshot, member_id, begins)
    last = _last_before(snapshot, member_id, ends)
    entries_page = queries.entries_between(
        snapshot,
        member_id=member_id,
        after=max(before, int(after["number"]) if after else 0),
        last=last,
        limit=limit,
    )
    return {
        "member_id": member_id,
        "month": month,
        "begins_at": begins,
        "ends_at": ends,
        "time_zone": programme.time_zone.key,
        "opening_balance": _balance_after(snapshot, member_id, before),
        "closing_balance": _balance_after(snapshot, member_id, last),
        "entries": last - before,
        "totals": _totals(snapshot, member_id, before, last),
        "lapses_next": owned["expiring"][:LAPSES_SHOWN],
        "as_of": snapshot.now,
        **entries_page,
    }


def _bounds(programme: Programme, month: str) -> tuple[datetime, datetime]:
    year, number = map(int, month.split("-"))
    following = date(year + number // _DECEMBER, number % _DECEMBER + 1, 1)
    return programme.start_of_day(date(year, number, 1)), programme.start_of_day(following)


def _last_before(snapshot: Snapshot, member_id: UUID, instant: datetime) -> int:
    """Return the number of the member's last entry before an instant; 0 if there is none."""
    values = {"member_id": member_id, "instant": instant}
    return int(snapshot.connection.execute(_LAST_BEFORE, values).scalar() or 0)


def _balance_after(snapshot: Snapshot, member_id: UUID, number: int) -> int:
    entries = tables.transactions
    found = sa.select(entries.c.balance_after).where(
        entries.c.member_id == member_id, entries.c.number == number
    )
    return int(snapshot.connection.execute(found).scalar() or 0)


def _totals(snapshot: Snapshot, member_id: UUID, before: int, last: int) -> list[dict[str, Any]]:
    entries = tables.transactions
    found = (
        sa.select(entries.c.type, sa.func.sum(entries.c.points).label("points"))
        .where(entries.c.member_id == member_id)
        .where(entries.c.number > before, entries.c.number <= last)
        .group_by(entries.c.type)
        .order_by(entries.c.type)
    )
    rows = snapshot.connection.execute(found)
    return [{"type": row.type, "points": int(row.points)} for row in rows]
