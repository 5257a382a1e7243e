"""Orders on their way to becoming sales. Points alone decides what becomes of one (H2).

A till's sale with coupons opens its order and records it in one call. A shop's order is opened by a
promise, holds what that takes, and waits to be paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.points.domain.programme import Programme
from services.points.repository import holds, orders
from services.points.repository.book import Book
from services.points.repository.bulk import LostRace
from services.points.repository.due import End
from services.points.repository.orders import CANCELLED, COMPLETED, EXPIRED, OPEN, Checkout
from services.points.use_cases import promises
from services.points.use_cases.holds import view as hold_view
from services.points.use_cases.promises import Promise
from shared.contracts.points import events
from shared.db import Outcome, Snapshot, UnitOfWork
from shared.errors import NotFound
from shared.errors.checkout import CheckoutClosed, OrderIdConflict
from shared.errors.points import CheckoutCompleted

CHECKOUTS_AT_ONCE = 100
_TICK = timedelta(microseconds=1)
_OVER = 0
"""The attempt of an opening that was over before the present one began."""
_PAST_KEPT = 20
_NOTHING_KEPT = {"promise": None, "hold_id": None, "ready_at": None, "reason_code": None}


def open_checkout(
    uow: UnitOfWork,
    *,
    programme: Programme,
    order_id: str,
    member_id: UUID | None,
    digest: str,
    promise: Promise | None,
) -> Mapping[str, Any]:
    """Open an order, or return it as it is: the same order retrying is the same opening (C2).

    An order that has become a sale answers ``completed``. One whose opening ended, or that comes
    with another basket, is opened anew; whatever belongs to the earlier attempt is void.

    Raises:
        OrderIdConflict: the order is a shop's that was promised something.
        LoyaltyError: with a promise, see `_open_promised`.
    """
    if promise is not None:
        return _open_promised(uow, programme, (order_id, member_id, digest), promise)
    recorded = orders.sale(uow.connection, order_id)
    if recorded is not None:
        at = recorded.recorded_at
        return view(uow, Checkout(order_id, member_id, COMPLETED, 0, digest, "", at, at))
    ttl = programme.checkout_ttl
    first = _first(uow, (order_id, member_id, digest), ttl)
    if orders.open_first(uow.connection, first):
        return view(uow, Checkout(**first))
    known = orders.lock_checkouts(uow.connection, [order_id])[order_id]
    if known.promise is not None:
        raise OrderIdConflict
    if known.status == COMPLETED or (known.is_open_at(uow.now) and known.digest == digest):
        return view(uow, known)
    return view(uow, _open_anew(Book(uow), known, member_id, digest, ttl))


def _open_promised(
    uow: UnitOfWork,
    programme: Programme,
    order: tuple[str, UUID | None, str],
    promise: Promise,
) -> Mapping[str, Any]:
    """Open a shop's order, and set aside what its promise takes, all or nothing (H1, H2).

    An opening that was answered and has ended stays so for the same request, lest a late duplicate
    of it hold points for nobody, or take the order from a later quote. One that never came to be
    ready leaves no trace.

    Raises:
        QuoteExpired: the promise's time is over.
        QuoteNotCovered: points, or what a rule may still give, are gone meanwhile.
        OrderIdConflict: the order is another caller's, or a sale already.
        MemberNotActive: the member may not spend any more.
        HoldConflict: the order holds points by a hold of its own.
    """
    order_id, member_id, digest = order
    ttl = programme.promised_checkout_ttl
    book = Book(uow)
    found = orders.checkout(uow.connection, order_id)
    concerned = {member_id, found.member_id if found else None}
    _open_accounts(book, concerned)
    if member_id is not None:
        member_id = book.owner(member_id)
    first = _first(uow, (order_id, member_id, digest), ttl)
    if orders.open_first(uow.connection, first):
        if orders.sale(uow.connection, order_id) is not None:
            raise OrderIdConflict
        opening = Checkout(**first)
    else:
        known = orders.lock_checkouts(uow.connection, [order_id])[order_id]
        if found is None or known.member_id not in concerned:
            raise LostRace(None, f"{order_id} was opened meanwhile")
        if known.opened_by != uow.actor.key:
            raise OrderIdConflict
        if known.digest == digest and _is_known(uow, known):
            return view(uow, known)
        if digest in (known.past_digests or ()):
            return {**view(uow, known), "status": CANCELLED, "attempt": _OVER}
        if known.status == COMPLETED or orders.sale(uow.connection, order_id) is not None:
            raise OrderIdConflict
        opening = _open_anew(book, known, member_id, digest, ttl)
    sale = promises.sale_of(order_id, member_id, promise)
    kept, judge = promises.cover(book, programme, sale, promise, opening.expires_at)
    keeps = {"promise": promises.stored(promise, kept), "hold_id": kept.hold_id}
    opened = orders.change_checkout(uow.connection, order_id, **keeps)
    book.flush()
    if judge is not None:
        judge.tally.write()
    return view(uow, opened)


def ready_checkout(uow: UnitOfWork, *, order_id: str, attempt: int) -> Outcome:
    """Note that all an opening needs is reserved everywhere; from now on it can be completed.

    Raises:
        NotFound: there is no such order, or it is another shop's.
        CheckoutClosed: this opening has ended.
    """
    checkout = orders.lock_checkouts(uow.connection, [order_id]).get(order_id)
    if checkout is None or not checkout.is_business_of(uow.actor):
        raise NotFound
    if checkout.status == COMPLETED:
        return Outcome(view(uow, checkout), 200, replayed=True)
    if checkout.attempt != attempt or not checkout.is_open_at(uow.now):
        raise CheckoutClosed(order_status=checkout.status_at(uow.now))
    if checkout.ready_at is not None:
        return Outcome(view(uow, checkout), 200, replayed=True)
    return Outcome(view(uow, orders.change_checkout(uow.connection, order_id, ready_at=uow.now)))


def checkout(snapshot: Snapshot, *, order_id: str) -> Mapping[str, Any]:
    """Return a shop's order as it stands.

    Raises:
        NotFound: there is no such order, or it is another shop's.
    """
    found = orders.checkout(snapshot.connection, order_id)
    if found is None or not found.is_business_of(snapshot.actor):
        raise NotFound
    return view(snapshot, found)


def cancel_checkout(
    uow: UnitOfWork,
    *,
    programme: Programme,
    order_id: str,
    attempt: int | None,
    reason_code: str | None,
    merchant_fault: bool,
) -> Mapping[str, Any]:
    """Give an order up: one opening of it, or with a reason any; one that has ended stays so.

    By the merchant's fault, points that would lapse soon last a while longer (C4).

    Raises:
        NotFound: the order was never opened, or it is another shop's.
        CheckoutCompleted: it has become a sale.
    """
    book = Book(uow)
    known = lock_with_account(book, order_id)
    if known is None or (reason_code is not None and not known.is_business_of(uow.actor)):
        raise NotFound
    if attempt not in (None, known.attempt):
        return view(uow, known)
    if known.status == COMPLETED:
        raise CheckoutCompleted
    if known.status == OPEN:
        is_late = reason_code is not None and not known.is_open_at(uow.now)
        until = uow.now + programme.fault_grace if merchant_fault and not is_late else None
        said = None if is_late else reason_code
        status = EXPIRED if is_late else CANCELLED
        known = close(book, known, status, reason_code=said, good_until=until)
    return view(uow, known)


def close_overdue(uow: UnitOfWork) -> int:
    """Close orders whose time is over, so that what they reserved is free again (C2)."""
    overdue = orders.overdue_checkouts(uow.connection, uow.now, CHECKOUTS_AT_ONCE)
    book = Book(uow)
    _open_accounts(book, overdue.values())
    closed = 0
    locked = orders.lock_checkouts(uow.connection, overdue, skip_locked=True)
    for order_id, checkout in locked.items():
        account = checkout.member_id if checkout.promise is not None else None
        if checkout.status == OPEN and checkout.expires_at <= uow.now:
            if overdue[order_id] != account:
                continue  # Opened anew between the statements; the next round has it.
            close(book, checkout, EXPIRED)
            closed += 1
    return closed


def close(
    book: Book,
    checkout: Checkout,
    status: str,
    *,
    reason_code: str | None = None,
    good_until: datetime | None = None,
) -> Checkout:
    """End an open checkout without a sale and say so; its account is open in ``book``."""
    uow = book.uow
    closed_at = max(uow.now, checkout.opened_at + _TICK)
    if checkout.promise is not None:
        if status == EXPIRED:
            end = End(holds.EXPIRED, checkout.expires_at)
        else:
            end = End(holds.RELEASED, uow.now, good_until=good_until)
        promises.uncover(book, checkout, end)
    closed = orders.change_checkout(
        uow.connection,
        checkout.order_id,
        status=status,
        closed_at=closed_at,
        reason_code=reason_code,
    )
    data = {"order_id": checkout.order_id, "reason": status, "attempt": checkout.attempt}
    fault = {"merchant_fault": good_until is not None, "reason_code": reason_code}
    uow.emit(
        events.CHECKOUT_CLOSED,
        subject=checkout.member_id or checkout.order_id,
        occurred_at=closed_at,
        data=data | fault,
    )
    return closed


def lock_with_account(book: Book, order_id: str) -> Checkout | None:
    """Lock the account that an order concerns and the order, in this order as for every write."""
    connection = book.uow.connection
    found = orders.checkout(connection, order_id)
    if found is None:
        return None
    account = found.member_id if found.promise is not None else None
    _open_accounts(book, [account])
    known = orders.lock_checkouts(connection, [order_id])[order_id]
    if known.promise is not None and known.member_id != account:
        raise LostRace(None, f"{order_id} was opened anew for somebody else")
    return known


def _open_accounts(book: Book, member_ids: Iterable[UUID | None]) -> None:
    """Lock accounts and write what is due on them, whatever becomes of the order."""
    book.open({each for each in member_ids if each is not None})
    book.flush()


def view(snapshot: Snapshot, checkout: Checkout) -> dict[str, Any]:
    """Return an order as it is answered; one whose time is over has ended, swept or not."""
    names = ("order_id", "attempt", "opened_at", "expires_at")
    shown = {name: getattr(checkout, name) for name in names}
    shown["status"] = checkout.status
    if checkout.promise is None:
        return shown
    hold = checkout.hold_id and holds.find(snapshot.connection, checkout.hold_id)
    status = checkout.status_at(snapshot.now)
    return {
        **shown,
        "status": status,
        "member_id": checkout.member_id,
        "is_ready": checkout.ready_at is not None,
        "closed_at": checkout.expires_at if status == EXPIRED else checkout.closed_at,
        "reason_code": checkout.reason_code,
        "promise": checkout.promise["quote"],
        "hold": hold_view(hold, snapshot.now) if hold else None,
    }


def _first(uow: UnitOfWork, order: tuple[str, UUID | None, str], ttl: timedelta) -> dict[str, Any]:
    order_id, member_id, digest = order
    return {
        "order_id": order_id,
        "member_id": member_id,
        "status": OPEN,
        "attempt": 1,
        "digest": digest,
        "opened_by": uow.actor.key,
        "opened_at": uow.now,
        "expires_at": uow.now + ttl,
    }


def _is_known(uow: UnitOfWork, known: Checkout) -> bool:
    """Return whether the same request again hears of this opening instead of making another."""
    return known.status == COMPLETED or known.is_open_at(uow.now) or known.was_answered


def _open_anew(
    book: Book, known: Checkout, member_id: UUID | None, digest: str, ttl: timedelta
) -> Checkout:
    """Open a locked order once more, after what is left of the attempt before."""
    uow = book.uow
    if known.status == OPEN:
        known = close(book, known, CANCELLED if known.is_open_at(uow.now) else EXPIRED)
    past = list(known.past_digests or ())
    if known.promise is not None and known.was_answered:
        past = [*past, known.digest][-_PAST_KEPT:]
    # After the close of the attempt before, whichever machine's clock set that.
    opened_at = max(uow.now, (known.closed_at or uow.now) + _TICK)
    return orders.change_checkout(
        uow.connection,
        known.order_id,
        member_id=member_id,
        status=OPEN,
        attempt=known.attempt + 1,
        digest=digest,
        opened_by=uow.actor.key,
        opened_at=opened_at,
        expires_at=opened_at + ttl,
        closed_at=None,
        past_digests=past,
        **_NOTHING_KEPT,
    )
