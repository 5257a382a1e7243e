"""Adjustments: asked for, and found again by who decides (L9).

An adjustment changes only under the lock of its member's account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.points import tables

PENDING, APPROVED, REJECTED = "pending_approval", "approved", "rejected"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Points that staff give (+) or take (-); ``transaction_id`` is the entry that did."""

    adjustment_id: UUID
    member_id: UUID
    points: int
    reason_code: str
    note: str
    expires_at: datetime | None
    status: str
    requested_by: str
    requested_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    transaction_id: UUID | None = None


_COLUMNS = tuple(tables.adjustments.c[name] for name in Adjustment.__dataclass_fields__)


def find(connection: sa.Connection, adjustment_id: UUID) -> Adjustment | None:
    """Return an adjustment."""
    statement = sa.select(*_COLUMNS).filter_by(adjustment_id=adjustment_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else Adjustment(*row)


def page(
    connection: sa.Connection, wanted: Mapping[str, Any], before: UUID | None, limit: int
) -> list[Adjustment]:
    """Return adjustments with these values, newest first, that are older than ``before``."""
    adjustments = tables.adjustments
    statement = (
        sa.select(*_COLUMNS)
        .filter_by(**wanted)
        .order_by(adjustments.c.adjustment_id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(adjustments.c.adjustment_id < before)
    return [Adjustment(*row) for row in connection.execute(statement)]
