"""What time alone makes due. The rules do not wait for it: it writes down what holds already."""

from __future__ import annotations

from services.coupons.domain import NOTICE_DAYS
from services.coupons.repository import Change, append_history, coupons, orders
from services.coupons.use_cases.uses import free_orders
from shared.contracts.coupons import events
from shared.db import UnitOfWork

_ORDERS_AT_ONCE = 50
_COUPONS_AT_ONCE = 500


def free_lapsed_orders(uow: UnitOfWork) -> int:
    """Free what orders hold beyond their time, unconfirmed (C2); returns how many orders."""
    order_ids = orders.lock_lapsed(uow.connection, uow.now, limit=_ORDERS_AT_ONCE)
    if order_ids:
        free_orders(uow, order_ids, cause="timeout")
        for order_id in order_ids:
            orders.update(uow.connection, order_id, status="expired", updated_at=uow.now)
    return len(order_ids)


def announce_expiring(uow: UnitOfWork) -> int:
    """Tell holders that their coupons lapse soon, each notice once (C5); returns how many.

    The later notice goes first: who is due both hears only how little time is left.
    """
    numbered = list(enumerate(NOTICE_DAYS, start=1))
    for notice, days in reversed(numbered):
        rows = coupons.announce(
            uow.connection, uow.now, notice=notice, days=days, limit=_COUPONS_AT_ONCE
        )
        for row in rows:
            data = {**row, "days_ahead": days}
            uow.emit(events.EXPIRING, subject=row["member_id"], data=data)
        if rows:
            return len(rows)
    return 0


def expire_coupons(uow: UnitOfWork) -> int:
    """Write down that coupons have lapsed (C5); returns how many."""
    rows = coupons.expire_batch(uow.connection, uow.now, limit=_COUPONS_AT_ONCE)
    append_history(
        uow,
        (
            Change(
                row["campaign_id"],
                row["from_status"],
                "expired",
                "lapsed",
                coupon_id=row["coupon_id"],
                member_id=row["member_id"],
            )
            for row in rows
        ),
    )
    for row in rows:
        if row["member_id"] is not None:
            uow.emit(
                events.EXPIRED,
                subject=row["member_id"],
                data={**row},
                occurred_at=row["valid_until"],
            )
    return len(rows)
