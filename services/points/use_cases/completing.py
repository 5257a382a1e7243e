"""An order is paid and becomes a sale, exactly as it was promised (H1, H2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.points import tables
from services.points.domain.lateness import judge_time
from services.points.domain.programme import Programme
from services.points.domain.sales import Sale
from services.points.repository import holds, orders
from services.points.repository.book import SALE, Book, Cause
from services.points.repository.due import End
from services.points.repository.orders import COMPLETED, Checkout
from services.points.use_cases.awards import Awarded, Judgement, award_rows, usage_row
from services.points.use_cases.checkouts import lock_with_account
from services.points.use_cases.content import sale_digest
from services.points.use_cases.judging import Count
from services.points.use_cases.posting import post
from services.points.use_cases.promises import (
    Promise,
    award_of,
    price_of,
    promise_of,
    refuse_unless_open,
    sale_of,
)
from services.points.use_cases.recording import Settled, revive, write_sale
from services.points.use_cases.standing import ACTIVE
from shared.db import Outcome, UnitOfWork
from shared.errors import NotFound
from shared.errors.checkout import (
    CheckoutClosed,
    CheckoutNotReady,
    OrderIdConflict,
    PaidBeforeOpened,
)
from shared.errors.points import not_active

_STANDING = (None, ACTIVE, "frozen")
"""A member who was frozen since has been promised the order, and it is paid."""


def complete_checkout(
    uow: UnitOfWork, *, programme: Programme, order_id: str, paid_at: datetime
) -> Outcome:
    """Make an open order a sale: capture, award, record. An order that is one answers as it did.

    Raises:
        NotFound: there is no such order, or it is another shop's.
        CheckoutClosed: it was cancelled, or its time is over.
        CheckoutNotReady: it was never opened to the end.
        OrderIdConflict: a sale of another kind has taken its id.
        PaidBeforeOpened, SaleInFuture, SaleTooOld: it cannot have been paid then.
        MemberNotActive: the account was closed, merged or erased meanwhile.
    """
    book = Book(uow)
    checkout = lock_with_account(book, order_id)
    if checkout is None or not checkout.is_business_of(uow.actor):
        raise NotFound
    known = orders.sale(uow.connection, order_id)
    if checkout.status == COMPLETED:
        return Outcome(revive(known.answer), 200, replayed=True)
    if not checkout.is_open_at(uow.now):
        raise CheckoutClosed(order_status=checkout.status_at(uow.now))
    if checkout.ready_at is None:
        raise CheckoutNotReady
    if known is not None:
        raise OrderIdConflict
    judge_time(paid_at, programme, uow.now)
    if paid_at < checkout.opened_at - programme.future_tolerance:
        raise PaidBeforeOpened
    member_id = checkout.member_id
    if member_id is not None and book.account(member_id).status not in _STANDING:
        raise not_active(book.account(member_id).status)
    return Outcome(_record(book, programme, checkout, paid_at))


def _record(
    book: Book, programme: Programme, checkout: Checkout, paid_at: datetime
) -> dict[str, Any]:
    promise, member_id = promise_of(checkout), checkout.member_id
    if member_id is not None:
        member_id = book.owner(member_id)
    quoted = sale_of(checkout.order_id, member_id, promise)
    sale = replace(quoted, occurred_at=paid_at, coupons=_coupons(promise))
    judgement, counted = award_of(book, checkout)
    redeem_number, awarded = None, Awarded()
    if member_id is not None:
        redeem_number = _capture(book, checkout)
        awarded = _award(book, programme, sale, judgement, counted)
    tier = promise["judged_by"]["tier"]
    settled = Settled(sale_digest(sale), price_of(promise), judgement, awarded, tier, redeem_number)
    answer, _ = write_sale(book, programme, sale, settled)
    closed = {"order_id": checkout.order_id, "status": COMPLETED, "closed_at": book.uow.now}
    book.update(tables.checkouts, [closed])
    book.flush()
    return answer


def _capture(book: Book, checkout: Checkout) -> int | None:
    """Spend what the order holds; return the entry that drew it from its lots (S4)."""
    if checkout.hold_id is None:
        return None
    hold = holds.find(book.uow.connection, checkout.hold_id)
    if hold is None or hold.status_at(book.uow.now) != holds.HELD:
        # Whoever opened the account last was past the order's time already.
        raise CheckoutClosed(order_status=orders.EXPIRED)
    refuse_unless_open(book, hold)
    book.end_hold(hold, End(holds.CAPTURED, book.uow.now, hold.points))
    return hold.number


def _award(
    book: Book, programme: Programme, sale: Sale, judgement: Judgement, counted: list[Count]
) -> Awarded:
    """Post what was judged when the order opened; caps have counted it since."""
    member_id: UUID | None = sale.member_id
    if member_id is None:
        return Awarded()
    cause = Cause(SALE, sale.sale_id, sale.occurred_at)
    awarded = post(book, programme, member_id, judgement.grants, cause)
    if awarded.lot_id is None:
        book.insert(tables.sale_awards, award_rows(sale, awarded.posted))
    book.insert(tables.sale_usage, [usage_row(sale, each) for each in counted])
    return awarded


def _coupons(promise: Promise) -> dict[str, Any]:
    """Return what was said of the codes as a sale's answer has it."""
    told = ("code", "coupon_id", "campaign_id", "name", "gift_sku", "discount_minor")
    coupons = promise["coupons"]
    applied = [{name: use.get(name) for name in told} for use in coupons["applied"]]
    return {**coupons, "applied": applied}
