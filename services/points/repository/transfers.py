"""Transfers that were made, and how much of its limit a member has used (L10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from services.points import tables


@dataclass(frozen=True, slots=True)
class Transfer:
    """Points that one member gave another; with a household, those it pooled."""

    transfer_id: UUID
    from_member_id: UUID
    to_member_id: UUID
    points: int
    note: str | None
    household_id: UUID | None
    made_by: str
    made_at: datetime


_COLUMNS = tuple(tables.transfers.c[name] for name in Transfer.__dataclass_fields__)


def find(connection: sa.Connection, transfer_id: UUID) -> Transfer | None:
    """Return a transfer."""
    statement = sa.select(*_COLUMNS).filter_by(transfer_id=transfer_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else Transfer(*row)


def given_since(connection: sa.Connection, member_id: UUID, since: datetime) -> tuple[int, int]:
    """Return how many transfers a member has made since then, and of how many points in all.

    What a household pooled is no transfer of the member's.
    """
    transfers = tables.transfers
    statement = sa.select(
        sa.func.count(), sa.func.coalesce(sa.func.sum(transfers.c.points), 0)
    ).where(
        transfers.c.from_member_id == member_id,
        transfers.c.made_at >= since,
        transfers.c.household_id.is_(None),
    )
    count, points = connection.execute(statement).one()
    return count, int(points)


def page(
    connection: sa.Connection, member_id: UUID | None, before: UUID | None, limit: int
) -> list[Transfer]:
    """Return transfers, newest first, older than ``before``; ``member_id`` is on either side."""
    transfers = tables.transfers
    statement = sa.select(*_COLUMNS).order_by(transfers.c.transfer_id.desc()).limit(limit)
    if member_id is not None:
        sides = (transfers.c.from_member_id, transfers.c.to_member_id)
        statement = statement.where(sa.or_(*(side == member_id for side in sides)))
    if before is not None:
        statement = statement.where(transfers.c.transfer_id < before)
    return [Transfer(*row) for row in connection.execute(statement)]
