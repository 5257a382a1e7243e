"""Orders on their way to becoming sales. Points alone decides what becomes of one (H2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.points.domain.programme import Programme
from services.points.repository import orders
from services.points.repository.orders import CANCELLED, COMPLETED, EXPIRED, OPEN, Checkout
from shared.contracts.points import events
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.errors.points import CheckoutCompleted

CHECKOUTS_AT_ONCE = 200
_TICK = timedelta(microseconds=1)


def open_checkout(
    uow: UnitOfWork, *, programme: Programme, order_id: str, member_id: UUID | None, digest: str
) -> Mapping[str, Any]:
    """Open an order, or return it as it is: the same order retrying is the same opening (C2).

    An order that has become a sale answers ``completed``. One whose opening ended, or that comes
    with another basket, is opened anew; whatever belongs to the earlier attempt is void.
    """
    recorded = orders.sale(uow.connection, order_id)
    if recorded is not None:
        at = recorded.recorded_at
        return _view(Checkout(order_id, member_id, COMPLETED, 0, digest, at, at, at))
    ttl = programme.checkout_ttl
    first = {
        "order_id": order_id,
        "member_id": member_id,
        "status": OPEN,
        "attempt": 1,
        "digest": digest,
        "opened_by": uow.actor.key,
        "opened_at": uow.now,
        "expires_at": uow.now + ttl,
    }
    if orders.open_first(uow.connection, first):
        return first
    known = orders.lock_checkouts(uow.connection, [order_id])[order_id]
    if known.status == COMPLETED or (known.is_open_at(uow.now) and known.digest == digest):
        return _view(known)
    if known.status == OPEN:
        known = close(uow, known, CANCELLED if known.is_open_at(uow.now) else EXPIRED)
    # After the close of the attempt before, whichever machine's clock set that.
    opened_at = max(uow.now, (known.closed_at or uow.now) + _TICK)
    opened = orders.change_checkout(
        uow.connection,
        order_id,
        member_id=member_id,
        status=OPEN,
        attempt=known.attempt + 1,
        digest=digest,
        opened_by=uow.actor.key,
        opened_at=opened_at,
        expires_at=opened_at + ttl,
        closed_at=None,
    )
    return _view(opened)


def cancel_checkout(uow: UnitOfWork, *, order_id: str, attempt: int) -> Mapping[str, Any]:
    """Give an opening of an order up; one that has ended stays as it ended.

    Raises:
        NotFound: the order was never opened.
        CheckoutCompleted: it has become a sale.
    """
    known = orders.lock_checkouts(uow.connection, [order_id]).get(order_id)
    if known is None:
        raise NotFound
    if known.attempt == attempt and known.status == COMPLETED:
        raise CheckoutCompleted
    if known.attempt == attempt and known.status == OPEN:
        known = close(uow, known, CANCELLED)
    return _view(known)


def close_overdue(uow: UnitOfWork) -> int:
    """Close orders whose time is over, so that what they reserved is free again (C2)."""
    overdue = orders.lock_overdue_checkouts(uow.connection, uow.now, CHECKOUTS_AT_ONCE)
    for checkout in overdue:
        close(uow, checkout, EXPIRED)
    return len(overdue)


def close(uow: UnitOfWork, checkout: Checkout, reason: str) -> Checkout:
    """End an open checkout without a sale and say so."""
    closed_at = max(uow.now, checkout.opened_at + _TICK)
    closed = orders.change_checkout(
        uow.connection, checkout.order_id, status=reason, closed_at=closed_at
    )
    uow.emit(
        events.CHECKOUT_CLOSED,
        subject=checkout.member_id or checkout.order_id,
        occurred_at=closed_at,
        data={"order_id": checkout.order_id, "reason": reason, "attempt": checkout.attempt},
    )
    return closed


def _view(checkout: Checkout) -> Mapping[str, Any]:
    return {
        name: getattr(checkout, name)
        for name in ("order_id", "status", "attempt", "opened_at", "expires_at")
    }
