"""Coupons given upon what happened to members, each occasion once."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.coupons.tables import birthday_runs, grants, members
from shared.ids import NIL

Key = tuple[UUID, UUID, str]
"""Campaign, member, occasion."""


def enter(connection: sa.Connection, key: Key, now: datetime) -> bool:
    """Take the occasion for this transaction; False where it has been seen to."""
    campaign_id, member_id, occasion = key
    statement = insert(grants).values(
        campaign_id=campaign_id, member_id=member_id, occasion=occasion, granted_at=now
    )
    return bool(connection.execute(statement.on_conflict_do_nothing()).rowcount)


def settle(
    connection: sa.Connection,
    key: Key,
    *,
    coupon_id: UUID | None = None,
    refusal: str | None = None,
) -> None:
    """Note what came of an occasion."""
    columns = sa.tuple_(grants.c.campaign_id, grants.c.member_id, grants.c.occasion)
    statement = sa.update(grants).where(columns == key)
    connection.execute(statement.values(coupon_id=coupon_id, refusal=refusal))


def born_in(connection: sa.Connection, campaign_id: UUID, month: date, *, limit: int) -> list[UUID]:
    """Return the next members whose birthday's month it is, each once per campaign and month.

    The run's row is locked until the transaction's end, and moves on with it.
    """
    key = {"campaign_id": campaign_id, "month": month}
    begun = insert(birthday_runs).values(**key, last_member_id=NIL)
    connection.execute(begun.on_conflict_do_nothing())
    run = sa.select(birthday_runs.c.last_member_id).filter_by(**key).with_for_update()
    last = connection.execute(run).scalar_one()
    statement = (
        sa.select(members.c.member_id)
        .where(
            members.c.status == "active",
            members.c.birth_month == month.month,
            members.c.member_id > last,
        )
        .order_by(members.c.member_id)
        .limit(limit)
    )
    found = list(connection.execute(statement).scalars())
    if found:
        moved = sa.update(birthday_runs).filter_by(**key).values(last_member_id=found[-1])
        connection.execute(moved)
    return found
