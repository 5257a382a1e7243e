"""Holds: found, with the lots they were drawn from (L5).

A hold changes only under the lock of its member's account, so it needs no lock of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.points import tables
from services.points.domain.lots import Draw

HELD, CAPTURED, RELEASED, EXPIRED = "held", "captured", "released", "expired"
_UUIDS = sa.dialects.postgresql.ARRAY(sa.Uuid(as_uuid=True))


@dataclass(frozen=True, slots=True)
class Hold:
    """Points set aside for an order; ``number`` is the entry that drew them."""

    hold_id: UUID
    member_id: UUID
    number: int
    order_id: str
    points: int
    captured: int
    status: str
    placed_by: str
    store_id: str | None
    placed_at: datetime
    expires_at: datetime
    closed_at: datetime | None

    def status_at(self, now: datetime) -> str:
        """Return how it stands, however late the sweep is."""
        return EXPIRED if self.status == HELD and self.expires_at <= now else self.status


_HOLD = tuple(tables.holds.c[name] for name in Hold.__dataclass_fields__)


def find(connection: sa.Connection, hold_id: UUID) -> Hold | None:
    """Return a hold."""
    row = connection.execute(sa.select(*_HOLD).filter_by(hold_id=hold_id)).one_or_none()
    return None if row is None else Hold(*row)


def of_order(connection: sa.Connection, order_id: str) -> Hold | None:
    """Return the hold that an order has or had its points from, unless it was given up."""
    holds = tables.holds
    statement = sa.select(*_HOLD).where(
        holds.c.order_id == order_id, holds.c.status.in_((HELD, CAPTURED))
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else Hold(*row)


def page(
    connection: sa.Connection,
    wanted: Mapping[str, Any],
    before: UUID | None,
    limit: int,
    *,
    now: datetime,
) -> list[Hold]:
    """Return holds with these values, newest first, that are older than ``before``."""
    holds = tables.holds
    statement = sa.select(*_HOLD).order_by(holds.c.hold_id.desc()).limit(limit)
    for name, value in wanted.items():
        column: sa.ColumnElement[Any] = holds.c[name]
        if name == "status":
            is_over = (holds.c.status == HELD) & (holds.c.expires_at <= now)
            column = sa.case((is_over, EXPIRED), else_=holds.c.status)
        statement = statement.where(column == value)
    if before is not None:
        statement = statement.where(holds.c.hold_id < before)
    return [Hold(*row) for row in connection.execute(statement)]


def standing(connection: sa.Connection, member_id: UUID) -> list[Hold]:
    """Return the holds of a locked account that have not ended."""
    holds = tables.holds
    statement = sa.select(*_HOLD).where(holds.c.member_id == member_id, holds.c.status == HELD)
    return [Hold(*row) for row in connection.execute(statement.order_by(holds.c.hold_id))]


def overdue(
    connection: sa.Connection, member_ids: Sequence[UUID], now: datetime
) -> list[tuple[Hold, list[Draw]]]:
    """Return the members' holds whose time is over, in that order, with what each drew."""
    holds = tables.holds
    statement = (
        sa.select(*_HOLD)
        .where(holds.c.member_id == sa.any_(sa.literal(member_ids, _UUIDS)))
        .where(holds.c.status == HELD, holds.c.expires_at <= now)
        .order_by(holds.c.expires_at, holds.c.hold_id)
    )
    found = [Hold(*row) for row in connection.execute(statement)]
    drawn = drawn_by(connection, found)
    return [(hold, drawn[hold.hold_id]) for hold in found]


def drawn_by(connection: sa.Connection, holds: Sequence[Hold]) -> dict[UUID, list[Draw]]:
    """Return which lots gave what to holds, in the order they gave."""
    if not holds:
        return {}
    parts, lots = tables.lot_entries, tables.lots
    keys = [(hold.member_id, hold.number) for hold in holds]
    statement = (
        sa.select(
            parts.c.member_id, parts.c.number, parts.c.lot_id, -parts.c.points, lots.c.expires_at
        )
        .join_from(
            parts,
            lots,
            (lots.c.member_id == parts.c.member_id) & (lots.c.lot_id == parts.c.lot_id),
        )
        .where(sa.tuple_(parts.c.member_id, parts.c.number).in_(keys))
        .order_by(parts.c.member_id, parts.c.number, parts.c.seq)
    )
    by_entry: dict[Any, list[Draw]] = {}
    for member_id, number, *part in connection.execute(statement):
        by_entry.setdefault((member_id, number), []).append(Draw(*part))
    return {hold.hold_id: by_entry[hold.member_id, hold.number] for hold in holds}


def is_refunded(connection: sa.Connection, hold: Hold) -> bool:
    """Return whether what was captured of a hold has gone home again (S4); by the business key."""
    entries = tables.transactions
    statement = sa.select(entries.c.number).where(
        entries.c.reference_id == str(hold.hold_id),
        entries.c.reference_kind == "hold",
        entries.c.type == "restore",
    )
    return connection.execute(statement).first() is not None
