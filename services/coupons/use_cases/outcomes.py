"""What points decided about an order (C2-C4, H2). Events may come late, twice, or out of order."""

from __future__ import annotations

from datetime import datetime

import structlog

from services.coupons.repository import orders
from services.coupons.use_cases.uses import free_orders, lock_counters, prolong, restore_order
from services.coupons.use_cases.uses import redeem_order as redeem_uses
from shared.contracts.event import Envelope
from shared.contracts.points import events as points
from shared.db import UnitOfWork

_log = structlog.get_logger(__name__)
_LIVING = ("reserved", "confirmed")


def redeem_order(uow: UnitOfWork, event: Envelope) -> None:
    """Use up the coupons of an order that became a sale."""
    sale = event.read(points.SALE_RECORDED)
    if not sale["coupon_codes"]:
        return
    row = orders.lock(uow.connection, sale["sale_id"])
    if row is not None and row["status"] in _LIVING:
        _redeem(uow, sale["sale_id"])
    elif row is None or row["status"] not in ("redeemed", "restored"):
        # Points records no sale whose coupons were not confirmed; if it ever did, somebody must
        # look at the order, and trying the event again would change nothing.
        status = row and row["status"]
        _log.error("sale_without_reservation", order_id=sale["sale_id"], status=status)


def close_order(uow: UnitOfWork, event: Envelope) -> None:
    """Free the coupons of an order that will not become a sale, also before it reserves any.

    A later opening of the same order is another story: it keeps what it has.
    """
    closed = event.read(points.CHECKOUT_CLOSED)
    order_id = closed["order_id"]
    row, is_new = orders.enter(
        uow.connection,
        order_id,
        status="released",
        closed_at=event.occurred_at,
        created_at=uow.now,
        updated_at=uow.now,
    )
    if is_new or row["status"] in ("redeemed", "restored"):
        return
    if row["opened_at"] is not None and row["opened_at"] > event.occurred_at:
        return
    free_orders(uow, [order_id], cause="checkout.closed")
    closed_at = max(row["closed_at"] or event.occurred_at, event.occurred_at)
    orders.update(
        uow.connection, order_id, status="released", closed_at=closed_at, updated_at=uow.now
    )
    if closed["merchant_fault"]:
        prolong(uow, order_id, "released", reason=closed["reason_code"] or "merchant_fault")


def restore_cancelled(uow: UnitOfWork, event: Envelope) -> None:
    """Give back the coupons of a sale that was undone, for longer by the merchant's fault (C4)."""
    sale = event.read(points.SALE_CANCELLED)
    _restore(uow, sale["sale_id"], cause="sale.cancelled", partial=False)
    if sale["merchant_fault"]:
        prolong(uow, sale["sale_id"], "restored", reason=sale["reason_code"])


def restore_returned(uow: UnitOfWork, event: Envelope) -> None:
    """Give back the coupons of a sale all of whose goods came back.

    Of a partial return only those whose campaign says so (C3).
    """
    sale = event.read(points.SALE_RETURNED)
    _restore(uow, sale["sale_id"], cause="sale.returned", partial=not sale["full"])


def _restore(uow: UnitOfWork, order_id: str, *, cause: str, partial: bool) -> None:
    row = orders.lock(uow.connection, order_id)
    if row is None:
        return
    if row["status"] in _LIVING:
        # The sale's own event is still on its way; what it will say is known.
        lock_counters(uow, order_id)
        _redeem(uow, order_id)
    elif row["status"] != "redeemed":
        return
    if not restore_order(uow, order_id, cause=cause, partial=partial) and not partial:
        _set(uow, order_id, "restored", uow.now)


def _redeem(uow: UnitOfWork, order_id: str) -> None:
    redeem_uses(uow, order_id, cause="sale.recorded")
    _set(uow, order_id, "redeemed", uow.now)


def _set(uow: UnitOfWork, order_id: str, status: str, now: datetime) -> None:
    orders.update(uow.connection, order_id, status=status, updated_at=now)
