"""Rewards and their orders as rows.

Locked in this order: an order, what its member has of the reward, the reward itself, which all
shoppers share; then the counters of the campaign whose coupons it gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert

from services.coupons.domain import Reward
from services.coupons.tables import reward_holders, reward_orders, rewards
from shared.errors import Busy, NotFound

Row = sa.RowMapping
LIVING = ("reserved", "confirmed")


def add(connection: sa.Connection, columns: dict[str, Any]) -> Row:
    """Store a new reward."""
    statement = sa.insert(rewards).values(**columns).returning(rewards)
    return connection.execute(statement).mappings().one()


def get(connection: sa.Connection, reward_id: UUID, *, lock: bool = False) -> Row:
    """Return a reward.

    Raises:
        NotFound: there is none.
    """
    statement = sa.select(rewards).where(rewards.c.reward_id == reward_id)
    if lock:
        statement = statement.with_for_update(key_share=True)
    row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise NotFound
    return row


def reward_of(row: Any) -> Reward:
    """Return a row as the domain sees it."""
    tiers = row["tiers"]
    return Reward(
        kind=row["kind"],
        points=row["points"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        tiers=None if tiers is None else frozenset(tiers),
    )


def change(connection: sa.Connection, reward_id: UUID, **columns: Any) -> Row:
    """Change a reward that is locked."""
    statement = sa.update(rewards).where(rewards.c.reward_id == reward_id).values(**columns)
    return connection.execute(statement.returning(rewards)).mappings().one()


def take_of_member(connection: sa.Connection, row: Row, member_id: UUID, quantity: int) -> bool:
    """Count pieces for a member, unless that passes the reward's limit; returns whether it did."""
    most = row["per_member"]
    if most is not None and quantity > most:
        return False
    new = upsert(reward_holders).values(
        member_id=member_id, reward_id=row["reward_id"], taken=quantity
    )
    total = reward_holders.c.taken + quantity
    statement = new.on_conflict_do_update(
        index_elements=["member_id", "reward_id"],
        set_={"taken": total},
        where=sa.true() if most is None else total <= most,
    )
    return bool(connection.execute(statement).rowcount)


def take_stock(connection: sa.Connection, reward_id: UUID, quantity: int) -> bool:
    """Take pieces from the stock, if so many are left; returns whether they were.

    First come, first served: whoever waits for a row that changes begins to wait anew each time.
    """
    turn = sa.func.hashtextextended(str(reward_id), 1)
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(turn)))
    statement = (
        sa.update(rewards)
        .where(
            rewards.c.reward_id == reward_id,
            sa.or_(rewards.c.stock.is_(None), rewards.c.stock >= quantity),
        )
        .values(stock=rewards.c.stock - quantity)
    )
    return bool(connection.execute(statement).rowcount)


def give_back(connection: sa.Connection, order: Row) -> None:
    """Put an order's pieces back, of the member and of the stock.

    A merge in between may have left the member with fewer than the order had.
    """
    held = sa.update(reward_holders).where(
        reward_holders.c.member_id == order["member_id"],
        reward_holders.c.reward_id == order["reward_id"],
    )
    left = sa.func.greatest(reward_holders.c.taken - order["quantity"], 0)
    connection.execute(held.values(taken=left))
    stock = rewards.c.stock + order["quantity"]
    put_back = sa.update(rewards).where(rewards.c.reward_id == order["reward_id"])
    connection.execute(put_back.values(stock=stock))


def enter(connection: sa.Connection, columns: dict[str, Any]) -> tuple[Row, bool]:
    """Store a new order, unless the same request has one; returns that, locked, and whether new."""
    statement = (
        upsert(reward_orders)
        .values(**columns)
        .on_conflict_do_nothing(
            index_elements=["request_key"], index_where=reward_orders.c.status != "released"
        )
        .returning(reward_orders)
    )
    row = connection.execute(statement).mappings().one_or_none()
    if row is not None:
        return row, True
    known = sa.select(reward_orders).where(
        reward_orders.c.request_key == columns["request_key"],
        reward_orders.c.status != "released",
    )
    found = connection.execute(known.with_for_update()).mappings().one_or_none()
    if found is None:  # it was undone between the statements
        raise Busy
    return found, False


def order(connection: sa.Connection, order_id: UUID, *, lock: bool = False) -> Row | None:
    """Return an order, if there is one."""
    statement = sa.select(reward_orders).where(reward_orders.c.order_id == order_id)
    if lock:
        statement = statement.with_for_update()
    return connection.execute(statement).mappings().one_or_none()


def lapsed(connection: sa.Connection, now: datetime, *, limit: int) -> list[Row]:
    """Lock orders whose stock was taken and never confirmed in time."""
    statement = (
        sa.select(reward_orders)
        .where(reward_orders.c.status == "reserved", reward_orders.c.expires_at <= now)
        .order_by(reward_orders.c.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(connection.execute(statement).mappings())


def move(
    connection: sa.Connection,
    order_id: UUID,
    *,
    sources: Sequence[str],
    target: str,
    now: datetime,
    **columns: Any,
) -> Row:
    """Change an order's status by one conditional update (C1).

    Raises:
        Busy: its status is none of ``sources``, though it is locked.
    """
    statement = (
        sa.update(reward_orders)
        .where(reward_orders.c.order_id == order_id, reward_orders.c.status.in_(sources))
        .values(status=target, updated_at=now, **columns)
        .returning(reward_orders)
    )
    row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise Busy
    return row
