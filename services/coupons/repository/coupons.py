"""Coupons as rows; each change of status is one conditional update (C1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.coupons.domain import HeldCoupon
from services.coupons.tables import coupons, orders, redemptions
from shared.errors import Busy

_FREE = ("issued", "restored")


def insert(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store new coupons."""
    connection.execute(sa.insert(coupons), list(rows))


def by_digest(connection: sa.Connection, digests: Iterable[bytes]) -> dict[bytes, sa.RowMapping]:
    """Return coupons by the keyed hash of their code."""
    statement = sa.select(
        coupons.c.code_digest, coupons.c.coupon_id, coupons.c.campaign_id, coupons.c.version
    ).where(coupons.c.code_digest.in_(set(digests)))
    found = connection.execute(statement).mappings()
    return {bytes(row["code_digest"]): row for row in found}


def held(
    connection: sa.Connection,
    coupon_ids: Iterable[UUID],
    *,
    lock: bool,
    now: datetime | None = None,
) -> dict[UUID, HeldCoupon]:
    """Return coupons by id, locked in the order of their ids if ``lock``.

    With ``now``, what an order holds beyond its time counts as free, though no sweep has been by.
    """
    status: sa.ColumnElement[str] = coupons.c.status
    if now is not None:
        status = sa.case((_held_beyond(now), coupons.c.free_status), else_=status)
    statement = (
        sa.select(
            coupons.c.coupon_id,
            coupons.c.member_id,
            status.label("status"),
            coupons.c.valid_until,
        )
        .where(coupons.c.coupon_id.in_(set(coupon_ids)))
        .order_by(coupons.c.coupon_id)
    )
    if lock:
        statement = statement.with_for_update()
    rows = connection.execute(statement).mappings()
    return {row["coupon_id"]: HeldCoupon(**row) for row in rows}


def find(
    connection: sa.Connection, *, digest: bytes | None = None, coupon_id: UUID | None = None
) -> sa.RowMapping | None:
    """Return a coupon by the keyed hash of its code, or by its id."""
    wanted = coupons.c.coupon_id == coupon_id if digest is None else coupons.c.code_digest == digest
    return connection.execute(sa.select(coupons).where(wanted)).mappings().one_or_none()


def leave(connection: sa.Connection, coupon_id: UUID, *, target: str, now: datetime) -> str | None:
    """Take a free coupon out of use for good; returns the status it had, None if it is not free."""
    before = (
        sa.select(coupons.c.coupon_id, coupons.c.status)
        .where(coupons.c.coupon_id == coupon_id, coupons.c.status.in_(_FREE))
        .with_for_update()
        .cte("before")
    )
    statement = (
        sa.update(coupons)
        .where(coupons.c.coupon_id == before.c.coupon_id, coupons.c.status.in_(_FREE))
        .values(status=target, updated_at=now)
        .returning(before.c.status)
    )
    status: str | None = connection.execute(statement).scalar_one_or_none()
    return status


def void_all_of(connection: sa.Connection, member_id: UUID, now: datetime) -> list[sa.RowMapping]:
    """Take all free coupons of a member out of use; returns them with the status they had.

    Those that are held or used become void where they would have become free again.
    """
    theirs = (
        sa.select(coupons.c.coupon_id, coupons.c.status.label("from_status"))
        .where(coupons.c.member_id == member_id)
        .order_by(coupons.c.coupon_id)
        .with_for_update()
        .cte("theirs")
    )
    is_free = coupons.c.status.in_(_FREE)
    statement = (
        sa.update(coupons)
        .where(coupons.c.coupon_id == theirs.c.coupon_id)
        .values(
            status=sa.case((is_free, "void"), else_=coupons.c.status),
            free_status="void",
            updated_at=now,
        )
        .returning(coupons.c.coupon_id, coupons.c.campaign_id, theirs.c.from_status)
    )
    rows = connection.execute(statement).mappings()
    return [row for row in rows if row["from_status"] in _FREE]


def forget_messages_of(connection: sa.Connection, giver_id: UUID) -> None:
    """Blank what a member wrote with coupons that it gave away."""
    gave = coupons.alias()
    given = sa.select(gave.c.coupon_id).where(gave.c.member_id == giver_id)
    connection.execute(
        sa.update(coupons).where(coupons.c.gift_of.in_(given)).values(gift_message_sealed=None)
    )


def announce(
    connection: sa.Connection, now: datetime, *, notice: int, days: int, limit: int
) -> list[sa.RowMapping]:
    """Note that the holders of these coupons hear that they lapse in ``days`` days.

    ``notice`` is the number of the notice; of several that are due at once only the last is given.
    """
    ahead = timedelta(days=days)
    due = (
        sa.select(coupons.c.coupon_id)
        .where(
            coupons.c.status.in_(_FREE),
            coupons.c.notices < notice,
            coupons.c.member_id.is_not(None),
            coupons.c.valid_until > now,
            coupons.c.valid_until <= now + ahead,
        )
        .order_by(coupons.c.valid_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = (
        sa.update(coupons)
        .where(coupons.c.coupon_id.in_(due))
        .values(notices=notice)
        .returning(
            coupons.c.coupon_id,
            coupons.c.campaign_id,
            coupons.c.member_id,
            coupons.c.valid_until,
        )
    )
    return list(connection.execute(statement).mappings())


def reserve(
    connection: sa.Connection, coupon_id: UUID, *, order_id: str, at: datetime, now: datetime
) -> None:
    """Hold a coupon for an order, if it is free and good at ``at``.

    Raises:
        Busy: it is not, though the caller has it locked and judged.
    """
    _changed_one(
        connection,
        sa.update(coupons)
        .where(
            coupons.c.coupon_id == coupon_id,
            coupons.c.status.in_((*_FREE, "expired")),
            coupons.c.valid_from <= now,
            sa.or_(coupons.c.valid_until.is_(None), coupons.c.valid_until > at),
        )
        .values(status="reserved", order_id=order_id, updated_at=now),
    )


def release(connection: sa.Connection, coupon_id: UUID, *, order_id: str, now: datetime) -> str:
    """Give a held coupon back as it was; returns its status now."""
    return _changed_one(
        connection,
        _used_by(coupon_id, "reserved", order_id).values(
            status=coupons.c.free_status, order_id=None, updated_at=now
        ),
    )


def redeem(connection: sa.Connection, coupon_id: UUID, *, order_id: str, now: datetime) -> str:
    """Use up a held coupon; returns its status now."""
    statement = _used_by(coupon_id, "reserved", order_id)
    return _changed_one(connection, statement.values(status="redeemed", updated_at=now))


def restore(connection: sa.Connection, coupon_id: UUID, *, order_id: str, now: datetime) -> str:
    """Make a used coupon good again, its dates unchanged (C3); returns its status now.

    That of a member who was erased is void (M6).
    """
    status = sa.case((coupons.c.free_status == "void", "void"), else_="restored")
    return _changed_one(
        connection,
        _used_by(coupon_id, "redeemed", order_id).values(
            status=status, free_status=status, order_id=None, updated_at=now
        ),
    )


def prolong(
    connection: sa.Connection,
    order_id: str,
    use_status: str,
    *,
    until: datetime,
    now: datetime,
) -> list[sa.RowMapping]:
    """Let what an order gave back be good until ``until`` at least, lapsed or not (C4).

    ``use_status`` is what has become of the order's uses of them. Coupons that have gone another
    way since stay as they are. Returns those that changed, with the status they had; their notices
    begin anew.
    """
    used = sa.select(redemptions.c.coupon_id).where(
        redemptions.c.order_id == order_id, redemptions.c.status == use_status
    )
    short = (
        sa.select(coupons.c.coupon_id, coupons.c.status.label("from_status"))
        .where(
            coupons.c.coupon_id.in_(used),
            coupons.c.status.in_((*_FREE, "expired")),
            coupons.c.valid_until < until,
        )
        .order_by(coupons.c.coupon_id)
        .with_for_update()
        .cte("short")
    )
    statement = (
        sa.update(coupons)
        .where(
            coupons.c.coupon_id == short.c.coupon_id,
            coupons.c.status.in_((*_FREE, "expired")),
        )
        .values(status=coupons.c.free_status, valid_until=until, notices=0, updated_at=now)
        .returning(
            coupons.c.coupon_id,
            coupons.c.campaign_id,
            coupons.c.member_id,
            coupons.c.status,
            coupons.c.valid_until,
            short.c.from_status,
        )
    )
    return list(connection.execute(statement).mappings())


def expire_batch(connection: sa.Connection, now: datetime, *, limit: int) -> list[sa.RowMapping]:
    """Write down that free coupons have lapsed; returns them with the status they had."""
    lapsed = (
        sa.select(coupons.c.coupon_id, coupons.c.status.label("from_status"))
        .where(coupons.c.status.in_(_FREE), coupons.c.valid_until <= now)
        .order_by(coupons.c.valid_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("lapsed")
    )
    statement = (
        sa.update(coupons)
        .where(coupons.c.coupon_id == lapsed.c.coupon_id, coupons.c.status.in_(_FREE))
        .values(status="expired", updated_at=now)
        .returning(
            coupons.c.coupon_id,
            coupons.c.campaign_id,
            coupons.c.member_id,
            coupons.c.valid_until,
            lapsed.c.from_status,
        )
    )
    return list(connection.execute(statement).mappings())


def _held_beyond(now: datetime) -> sa.ColumnElement[bool]:
    """Hold for coupons whose order let its time run out unconfirmed (C2)."""
    lapsed = sa.exists().where(
        orders.c.order_id == coupons.c.order_id,
        orders.c.status == "reserved",
        orders.c.expires_at <= now,
    )
    return sa.and_(coupons.c.status == "reserved", lapsed)


def _used_by(coupon_id: UUID, status: str, order_id: str) -> sa.Update:
    return sa.update(coupons).where(
        coupons.c.coupon_id == coupon_id,
        coupons.c.status == status,
        coupons.c.order_id == order_id,
    )


def _changed_one(connection: sa.Connection, statement: sa.Update) -> str:
    status: str | None = connection.execute(
        statement.returning(coupons.c.status)
    ).scalar_one_or_none()
    if status is None:
        raise Busy
    return status
