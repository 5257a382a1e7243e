"""Writes of the tiers service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.tiers import tables
from services.tiers.domain import Refund, Sale


def lock_state(connection: sa.Connection, member_id: UUID) -> sa.Row[Any] | None:
    """Return a member's tier, locked until the transaction ends."""
    statement = sa.select(tables.states).where(tables.states.c.member_id == member_id)
    return connection.execute(statement.with_for_update()).one_or_none()


def add_state(connection: sa.Connection, row: Mapping[str, Any]) -> bool:
    """Insert a member's first tier; return False if another transaction was first."""
    statement = insert(tables.states).values(row).on_conflict_do_nothing()
    return bool(connection.execute(statement).rowcount)


def change_state(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Overwrite a locked member's tier."""
    mine = tables.states.c.member_id == row["member_id"]
    connection.execute(sa.update(tables.states).where(mine).values(row))


def add_history(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Append a change of tier (T5)."""
    connection.execute(sa.insert(tables.history).values(row))


def add_sale(connection: sa.Connection, member_id: UUID, sale: Sale) -> bool:
    """Insert what a sale contributes; return False if it is known, from whichever event."""
    row = {
        "sale_id": sale.sale_id,
        "member_id": member_id,
        "occurred_at": sale.occurred_at,
        "payable_minor": sale.payable_minor,
        "refunded_minor": 0,
    }
    statement = insert(tables.sales).values(row).on_conflict_do_nothing()
    return bool(connection.execute(statement).rowcount)


def add_refund(connection: sa.Connection, sale_id: str, return_id: str, refund: Refund) -> None:
    """Note what came back of a sale; the sale keeps the largest total, whatever the order."""
    row = {
        "sale_id": sale_id,
        "return_id": return_id,
        "occurred_at": refund.occurred_at,
        "refunded_total_minor": refund.refunded_total_minor,
    }
    connection.execute(insert(tables.refunds).values(row).on_conflict_do_nothing())
    table, total = tables.sales, refund.refunded_total_minor
    connection.execute(
        sa.update(table)
        .where(table.c.sale_id == sale_id, table.c.refunded_minor < total)
        .values(refunded_minor=total)
    )


def gross_points(connection: sa.Connection, member_id: UUID, after: datetime) -> int:
    """Return an upper bound of all progress in the window: as if nothing had come back."""
    sale = tables.sales
    # Whole points of each sale, as `domain.qualifying_points` floors them.
    statement = sa.select(
        sa.func.coalesce(sa.func.sum(sale.c.payable_minor.op("/")(100)), 0)
    ).where(sale.c.member_id == member_id, sale.c.occurred_at > after)
    return int(connection.execute(statement).scalar_one())


def sales_of(connection: sa.Connection, member_id: UUID, after: datetime) -> list[Sale]:
    """Return the member's sales later than ``after``, with what came back of them."""
    sale, refund = tables.sales, tables.refunds
    mine = sa.and_(sale.c.member_id == member_id, sale.c.occurred_at > after)
    back: defaultdict[str, list[Refund]] = defaultdict(list)
    for row in connection.execute(
        sa.select(refund).join(sale, sale.c.sale_id == refund.c.sale_id).where(mine)
    ):
        back[row.sale_id].append(Refund(row.occurred_at, row.refunded_total_minor))
    return [
        Sale(row.sale_id, row.occurred_at, row.payable_minor, tuple(back[row.sale_id]))
        for row in connection.execute(sa.select(sale).where(mine))
    ]
