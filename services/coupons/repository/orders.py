"""Orders as this service knows them: one row each, the lock under which its coupons change."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.coupons.tables import orders

Row = sa.RowMapping


def enter(connection: sa.Connection, order_id: str, **columns: Any) -> tuple[Row, bool]:
    """Lock the order's row, made with ``columns`` if it is new; returns it and whether it is."""
    made = connection.execute(
        insert(orders)
        .values(order_id=order_id, **columns)
        .on_conflict_do_nothing()
        .returning(orders)
    )
    row = made.mappings().one_or_none()
    if row is not None:
        return row, True
    found = lock(connection, order_id)
    if found is None:
        raise AssertionError("orders are never deleted")
    return found, False


def lock(connection: sa.Connection, order_id: str) -> Row | None:
    """Lock and return the order's row, if there is one."""
    statement = sa.select(orders).where(orders.c.order_id == order_id).with_for_update()
    return connection.execute(statement).mappings().one_or_none()


def lock_lapsed(connection: sa.Connection, now: datetime, *, limit: int) -> list[str]:
    """Lock orders whose reservation has lapsed unconfirmed; returns their ids."""
    statement = (
        sa.select(orders.c.order_id)
        .where(orders.c.status == "reserved", orders.c.expires_at <= now)
        .order_by(orders.c.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(connection.execute(statement).scalars())


def update(connection: sa.Connection, order_id: str, **columns: Any) -> None:
    """Change the row of an order that is locked."""
    connection.execute(sa.update(orders).where(orders.c.order_id == order_id).values(**columns))


def confirm(connection: sa.Connection, order_id: str, now: datetime) -> bool:
    """Keep a reservation beyond its time, if it has not lapsed yet; returns whether it was kept."""
    statement = (
        sa.update(orders)
        .where(
            orders.c.order_id == order_id,
            orders.c.status == "reserved",
            orders.c.expires_at > now,
        )
        .values(status="confirmed", updated_at=now)
    )
    return bool(connection.execute(statement).rowcount)


def status(connection: sa.Connection, order_id: str) -> str | None:
    """Return the order's status, if it is known."""
    statement = sa.select(orders.c.status).where(orders.c.order_id == order_id)
    return connection.execute(statement).scalar_one_or_none()
