"""How long points last, as announced over time, and the lots that changes of it prolong (L12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.points import tables
from services.points.domain.expiry import ExpiryChange, ExpiryHistory
from services.points.domain.programme import LotTerms, Programme

_UUIDS = ARRAY(sa.Uuid(as_uuid=True))


@dataclass(frozen=True, slots=True)
class Pass:
    """Existing lots being brought up to a change; locked."""

    change_id: UUID
    after_member_id: UUID
    effective_from: datetime


def token() -> sa.ScalarSelect[Any]:
    """Return the id of the newest change, to be read along where accounts are locked.

    What locks may wait, and its snapshot be older than a change by then. So a pass does not begin
    while a transaction goes on that may not have seen its change; awards have written their
    idempotency key or inbox entry by then, which makes them visible to it.
    """
    changes = tables.expiry_changes
    return (
        sa.select(changes.c.change_id).order_by(changes.c.number.desc()).limit(1).scalar_subquery()
    )


def history(connection: sa.Connection, programme: Programme, newest: UUID | None) -> ExpiryHistory:
    """Return all changes up to the newest, which `token` has told; kept once read."""
    if newest is None:
        return ExpiryHistory(programme)
    known = _known.get(newest)
    if known is None:
        known = _changes(connection, newest)
        _known.clear()
        _known[newest] = known
    return ExpiryHistory(programme, known)


def _changes(connection: sa.Connection, newest: UUID) -> tuple[ExpiryChange, ...]:
    changes = tables.expiry_changes
    last = sa.select(changes.c.number).where(changes.c.change_id == newest).scalar_subquery()
    statement = (
        sa.select(changes.c.months, changes.c.round_to, changes.c.effective_from)
        .where(changes.c.number <= last)
        .order_by(changes.c.number)
    )
    return tuple(
        ExpiryChange(LotTerms(row.months, row.round_to), row.effective_from)
        for row in connection.execute(statement)
    )


_known: dict[UUID, tuple[ExpiryChange, ...]] = {}
"""The changes up to the newest one that this process has read: none of them ever changes."""


def lock_history(connection: sa.Connection, programme: Programme) -> ExpiryHistory:
    """Keep others from announcing a change until the transaction ends; return what is announced."""
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended('expiry', 0))"))
    return history(connection, programme, connection.execute(sa.select(token())).scalar_one())


def announce(
    connection: sa.Connection, row: dict[str, Any], periods: Sequence[dict[str, Any]]
) -> None:
    """Write a change, what it says of existing points, and that their lots are to follow."""
    changes = tables.expiry_changes
    number = sa.select(sa.func.count() + 1).select_from(changes).scalar_subquery()
    connection.execute(sa.insert(changes).values({**row, "number": number}))
    connection.execute(sa.insert(tables.expiry_periods), list(periods))
    connection.execute(sa.insert(tables.expiry_passes).inline().values(change_id=row["change_id"]))


_LOCK_PASS = sa.text("""
SELECT p.change_id, p.after_member_id, c.effective_from
FROM expiry_passes p JOIN expiry_changes c USING (change_id)
WHERE p.finished_at IS NULL AND NOT (
    p.announced_xid >= pg_snapshot_xmin(pg_current_snapshot())
    AND p.announced_xid < pg_snapshot_xmax(pg_current_snapshot())
)
ORDER BY c.number LIMIT 1 FOR UPDATE OF p
""")


def lock_pass(connection: sa.Connection) -> Pass | None:
    """Lock the oldest pass that has to go on, unless it cannot begin yet.

    It begins when all transactions have ended that ran when its change was announced: their awards
    may follow the terms before it, and lots of theirs must be there to be seen.
    """
    row = connection.execute(_LOCK_PASS).one_or_none()
    return None if row is None else Pass(*row)


def has_unfinished(connection: sa.Connection) -> bool:
    """Return whether existing lots still have to be brought up to some change."""
    passes = tables.expiry_passes
    unfinished = sa.exists().where(passes.c.finished_at.is_(None))
    return bool(connection.execute(sa.select(unfinished)).scalar_one())


_EXTEND = sa.text("""
WITH later AS (
    SELECT l.member_id, l.lot_id, p.expires_at
    FROM lots l CROSS JOIN LATERAL (
        SELECT earned_until, expires_at FROM expiry_periods
        WHERE change_id = :change_id AND earned_from <= l.earned_at
        ORDER BY earned_from DESC LIMIT 1
    ) p
    WHERE l.member_id = ANY (:members) AND l.expires_at > :effective_from
        AND l.earned_at < p.earned_until AND p.expires_at > l.expires_at
)
UPDATE lots SET expires_at = later.expires_at FROM later
WHERE lots.member_id = later.member_id AND lots.lot_id = later.lot_id
""").bindparams(sa.bindparam("members", type_=_UUIDS))


def extend(
    connection: sa.Connection, change_id: UUID, effective_from: datetime, members: Sequence[UUID]
) -> int:
    """Let lots of locked accounts last as long as a change says, if longer; return how many.

    Spent lots too: points may come home to them.
    """
    values = {"change_id": change_id, "effective_from": effective_from, "members": list(members)}
    return connection.execute(_EXTEND, values).rowcount


def catch_up(connection: sa.Connection, members: Sequence[UUID]) -> None:
    """Bring locked accounts up to all changes, before any of their lots lapses by mistake."""
    passes, changes = tables.expiry_passes, tables.expiry_changes
    unfinished = (
        sa.select(changes.c.change_id, changes.c.effective_from)
        .join_from(passes, changes, passes.c.change_id == changes.c.change_id)
        .where(passes.c.finished_at.is_(None))
        .order_by(changes.c.number)
    )
    for row in connection.execute(unfinished).all():
        extend(connection, row.change_id, row.effective_from, members)


def advance(
    connection: sa.Connection,
    change_id: UUID,
    *,
    extended: int,
    after: UUID | None = None,
    finished_at: datetime | None = None,
) -> None:
    """Note how far a pass has come."""
    passes = tables.expiry_passes
    values: dict[str, Any] = {"lots_extended": passes.c.lots_extended + extended}
    if after is not None:
        values["after_member_id"] = after
    statement = sa.update(passes).where(passes.c.change_id == change_id)
    connection.execute(statement.values(**values, finished_at=finished_at))
