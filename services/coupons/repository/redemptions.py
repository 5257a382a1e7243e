"""Uses of coupons and public codes by orders, as rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.coupons.tables import redemptions
from shared.errors import Busy

Row = sa.RowMapping


def insert(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store new uses."""
    if rows:
        connection.execute(sa.insert(redemptions), list(rows))


def of_orders(connection: sa.Connection, order_ids: Collection[str], status: str) -> list[Row]:
    """Return the uses of orders that are in ``status``, by coupon id, as coupons are locked."""
    statement = (
        sa.select(redemptions)
        .where(redemptions.c.order_id.in_(order_ids), redemptions.c.status == status)
        .order_by(redemptions.c.coupon_id, redemptions.c.redemption_id)
    )
    return list(connection.execute(statement).mappings())


def move(
    connection: sa.Connection,
    redemption_ids: Collection[UUID],
    *,
    source: str,
    target: str,
    now: datetime,
) -> None:
    """Change the status of uses, all of them or none.

    Raises:
        Busy: one of them has another status, though its order is locked.
    """
    statement = (
        sa.update(redemptions)
        .where(redemptions.c.redemption_id.in_(redemption_ids), redemptions.c.status == source)
        .values(status=target, updated_at=now)
    )
    if connection.execute(statement).rowcount != len(redemption_ids):
        raise Busy
