"""Plans, what was bought of them, and the floors that makes (T7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.tiers import tables
from services.tiers.domain.subscriptions import Paid

_PLANS, _TABLE = tables.plans, tables.subscriptions


def add_plan(connection: sa.Connection, row: Mapping[str, Any]) -> sa.RowMapping | None:
    """Insert a plan; None if there is one of this code."""
    statement = insert(_PLANS).values(row).on_conflict_do_nothing().returning(_PLANS)
    return connection.execute(statement).mappings().one_or_none()


def plan(connection: sa.Connection, code: str) -> sa.RowMapping | None:
    """Return a plan."""
    return connection.execute(sa.select(_PLANS).where(_PLANS.c.plan == code)).mappings().first()


def plans(connection: sa.Connection, *, after: str | None, limit: int) -> Sequence[sa.RowMapping]:
    """Return plans in the order of their codes."""
    statement = sa.select(_PLANS).order_by(_PLANS.c.plan).limit(limit)
    if after is not None:
        statement = statement.where(_PLANS.c.plan > after)
    return connection.execute(statement).mappings().all()


def change_plan(connection: sa.Connection, code: str, **values: Any) -> sa.RowMapping | None:
    """Overwrite what is given."""
    statement = sa.update(_PLANS).where(_PLANS.c.plan == code).values(values)
    return connection.execute(statement.returning(_PLANS)).mappings().one_or_none()


def add(connection: sa.Connection, row: Mapping[str, Any]) -> sa.RowMapping | None:
    """Insert a purchase; None if the order has made one."""
    statement = insert(_TABLE).values(row).on_conflict_do_nothing().returning(_TABLE)
    return connection.execute(statement).mappings().one_or_none()


def by_order(connection: sa.Connection, order_id: str) -> sa.RowMapping | None:
    """Return what an order bought."""
    statement = sa.select(_TABLE).where(_TABLE.c.order_id == order_id)
    return connection.execute(statement).mappings().one_or_none()


def of_member(
    connection: sa.Connection, member_id: UUID, *, before: UUID | None = None, limit: int = 1_000
) -> Sequence[sa.RowMapping]:
    """Return a member's purchases, newest first."""
    statement = sa.select(_TABLE).where(_TABLE.c.member_id == member_id)
    if before is not None:
        statement = statement.where(_TABLE.c.subscription_id < before)
    newest = statement.order_by(_TABLE.c.subscription_id.desc()).limit(limit)
    return connection.execute(newest).mappings().all()


def update(connection: sa.Connection, subscription_id: UUID, **values: Any) -> sa.RowMapping:
    """Change a purchase of a locked member."""
    statement = sa.update(_TABLE).where(_TABLE.c.subscription_id == subscription_id)
    return connection.execute(statement.values(values).returning(_TABLE)).mappings().one()


def held(connection: sa.Connection, member_ids: Iterable[UUID]) -> Sequence[sa.RowMapping]:
    """Return the purchases of members that give or gave a tier, for however short."""
    statement = sa.select(_TABLE).where(
        _TABLE.c.member_id.in_(list(member_ids)), _TABLE.c.ends_at > _TABLE.c.starts_at
    )
    return connection.execute(statement).mappings().all()


def lock_ending(
    connection: sa.Connection, now: datetime, until: datetime, limit: int
) -> Sequence[sa.RowMapping]:
    """Return memberships that end by ``until`` and were not told of yet."""
    statement = sa.select(_TABLE).where(
        _TABLE.c.status == "active",
        _TABLE.c.notified_at.is_(None),
        _TABLE.c.ends_at <= until,
        _TABLE.c.ends_at > now,
    )
    batch = statement.order_by(_TABLE.c.ends_at).limit(limit).with_for_update(skip_locked=True)
    return connection.execute(batch).mappings().all()


def mark_notified(connection: sa.Connection, ids: Sequence[UUID], now: datetime) -> None:
    """Note that these were told of, or need not be."""
    mine = sa.update(_TABLE).where(_TABLE.c.subscription_id.in_(ids))
    connection.execute(mine.values(notified_at=now))


def paid_of(row: Mapping[Any, Any]) -> Paid:
    """Return a purchase as the rules see it."""
    return Paid(
        row["subscription_id"], row["tier"], row["months"], row["starts_at"], row["ends_at"]
    )
