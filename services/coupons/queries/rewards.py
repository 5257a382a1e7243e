"""Reads of rewards and their orders (R1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.coupons.queries.keys import uuid_of
from services.coupons.repository import rewards as reward_rows
from services.coupons.tables import reward_orders, rewards
from shared.contracts.coupons.rewards import ORDER_STATUSES
from shared.db import Snapshot
from shared.errors import NotFound

Row = Mapping[Any, Any]


def reward(snapshot: Snapshot, *, reward_id: UUID) -> Mapping[str, Any]:
    """Return one reward; a member sees it from its first instant on.

    Raises:
        NotFound: there is none, or not yet.
    """
    row = reward_rows.get(snapshot.connection, reward_id)
    begins = row["starts_at"]
    if snapshot.actor.kind == "member" and begins is not None and begins > snapshot.now:
        raise NotFound
    return reward_body(row)


def reward_list(
    snapshot: Snapshot, *, kind: str | None, limit: int, after: Mapping[str, str] | None
) -> Mapping[str, Any]:
    """Return rewards, newest first; to members those that can be ordered now."""
    statement = sa.select(rewards).order_by(rewards.c.reward_id.desc()).limit(limit + 1)
    if kind is not None:
        statement = statement.where(rewards.c.kind == kind)
    if snapshot.actor.kind == "member":
        now = snapshot.now
        begun = sa.or_(rewards.c.starts_at.is_(None), rewards.c.starts_at <= now)
        statement = statement.where(
            begun, sa.or_(rewards.c.ends_at.is_(None), rewards.c.ends_at > now)
        )
    if after is not None:
        statement = statement.where(rewards.c.reward_id < uuid_of(after, "reward_id"))
    rows = list(snapshot.connection.execute(statement).mappings())
    page = rows[:limit]
    return {
        "items": [reward_body(row) for row in page],
        "next": {"reward_id": str(page[-1]["reward_id"])} if len(rows) > limit else None,
    }


def reward_order(snapshot: Snapshot, *, order_id: UUID) -> Mapping[str, Any]:
    """Return one reward order, of the member that asks where it is a member.

    Raises:
        NotFound: there is none, or it is not paid (yet), or another member's.
    """
    row = reward_rows.order(snapshot.connection, order_id)
    if row is None or row["status"] not in ORDER_STATUSES:
        raise NotFound
    if snapshot.actor.kind == "member" and snapshot.actor.id != str(row["member_id"]):
        raise NotFound
    return reward_order_body(row)


def reward_order_list(
    snapshot: Snapshot, *, limit: int, after: Mapping[str, str] | None, **only: Any
) -> Mapping[str, Any]:
    """Return reward orders, newest first; to a member its own."""
    wanted = {name: value for name, value in only.items() if value is not None}
    if snapshot.actor.kind == "member":
        wanted["member_id"] = UUID(snapshot.actor.id)
    statement = (
        sa.select(reward_orders)
        .where(reward_orders.c.status.in_(ORDER_STATUSES))
        .filter_by(**wanted)
        .order_by(reward_orders.c.order_id.desc())
        .limit(limit + 1)
    )
    if after is not None:
        statement = statement.where(reward_orders.c.order_id < uuid_of(after, "order_id"))
    rows = list(snapshot.connection.execute(statement).mappings())
    page = rows[:limit]
    return {
        "items": [reward_order_body(row) for row in page],
        "next": {"order_id": str(page[-1]["order_id"])} if len(rows) > limit else None,
    }


def reward_body(row: Row) -> dict[str, Any]:
    """Return a reward as it is answered."""
    sides = {name: row[name] for name in ("starts_at", "ends_at") if row[name] is not None}
    return {**row, "window": sides or None}


def reward_order_body(row: Row) -> dict[str, Any]:
    """Return a reward order as it is answered."""
    return {**row, "name": row["reward_name"]}
