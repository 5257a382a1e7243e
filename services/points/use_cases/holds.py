"""Holds: points set aside for an order, then captured or released exactly once (L5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.points import tables
from services.points.domain.programme import Programme
from services.points.repository import holds, orders
from services.points.repository.book import HOLD, Book, Cause
from services.points.repository.bulk import LostRace
from services.points.repository.due import End
from services.points.repository.holds import CAPTURED, EXPIRED, HELD, RELEASED, Hold
from services.points.use_cases.standing import refuse_unless_active
from shared.calls import Actor
from shared.contracts.points import events
from shared.db import Outcome, UnitOfWork
from shared.errors import LoyaltyError, NotFound
from shared.errors.checkout import HoldOfCheckout
from shared.errors.points import (
    CaptureExceedsHold,
    HoldAlreadyCaptured,
    HoldAlreadyReleased,
    HoldConflict,
    HoldExpired,
    InsufficientPoints,
)
from shared.ids import new_id
from shared.merging import were_one

_REFUSALS: Mapping[str, type[LoyaltyError]] = {
    CAPTURED: HoldAlreadyCaptured,
    RELEASED: HoldAlreadyReleased,
    EXPIRED: HoldExpired,
}


def place_hold(
    uow: UnitOfWork,
    *,
    programme: Programme,
    member_id: UUID,
    exists: bool,
    points: int,
    order_id: str,
    ttl_s: int | None,
) -> Outcome:
    """Set points aside for an order, or return what the order holds already (C2).

    An order whose hold was released or ran out may hold anew; one that captured keeps what it has.

    Raises:
        UnknownMember: points has not heard of the member, and the caller does not vouch for it.
        MemberNotActive: the member may not spend.
        InsufficientPoints: fewer are available.
        HoldConflict: the order holds something else.
    """
    book = Book(uow)
    book.open([member_id])
    member_id = book.owner(member_id)
    book.flush()
    known = holds.of_order(uow.connection, order_id)
    if known is not None:
        is_same = known.points == points and were_one(uow.connection, known.member_id, member_id)
        if not is_same or not may_see(uow.actor, known):
            raise HoldConflict
        return Outcome(view(known, uow.now), 200, replayed=True)
    account = book.account(member_id)
    refuse_unless_active(account, exists=exists)
    if points > account.figures.available:
        raise InsufficientPoints(available=account.figures.available)
    ttl = programme.hold_ttl(uow.actor.kind) if ttl_s is None else timedelta(seconds=ttl_s)
    hold = place(book, member_id, points, order_id, ttl)
    book.flush()
    return Outcome(view(hold, uow.now))


def capture_hold(uow: UnitOfWork, *, hold_id: UUID, points: int | None) -> Mapping[str, Any]:
    """Spend what is held, or a part of it; the rest goes home to its lots (L4).

    Raises:
        NotFound: there is no such hold, or it is another's.
        HoldAlreadyCaptured, HoldAlreadyReleased, HoldExpired: it has ended.
        HoldOfCheckout: an order's checkout decides what becomes of it (H2).
        CaptureExceedsHold: it holds less.
    """
    book, hold = _open(uow, hold_id)
    captured = hold.points if points is None else points
    if captured > hold.points:
        raise CaptureExceedsHold(held=hold.points)
    return _end(book, hold, End(CAPTURED, uow.now, captured))


def release_hold(uow: UnitOfWork, *, hold_id: UUID) -> Mapping[str, Any]:
    """Give back what is held.

    Raises:
        NotFound: there is no such hold, or it is another's.
        HoldAlreadyCaptured, HoldAlreadyReleased, HoldExpired: it has ended.
        HoldOfCheckout: an order's checkout decides what becomes of it (H2).
    """
    book, hold = _open(uow, hold_id)
    return _end(book, hold, End(RELEASED, uow.now))


def place(book: Book, member_id: UUID, points: int, order_id: str, ttl: timedelta) -> Hold:
    """Set points aside that are available, on an account that is open; the caller writes."""
    now, actor, hold_id = book.uow.now, book.uow.actor, new_id()
    cause = Cause(HOLD, str(hold_id), now)
    entry, number = book.hold(member_id, points, cause, until=now + ttl)
    hold = Hold(
        hold_id=hold_id,
        member_id=member_id,
        number=number,
        order_id=order_id,
        points=points,
        captured=0,
        status=HELD,
        placed_by=actor.key,
        store_id=actor.store_id,
        placed_at=now,
        expires_at=now + ttl,
        closed_at=None,
    )
    row = asdict(hold)
    book.insert(tables.holds, [row])
    book.uow.emit(events.HELD, subject=member_id, data={**row, "transaction_id": entry})
    return hold


def may_see(actor: Actor, hold: Hold) -> bool:
    """Return whether a hold is the caller's business: a shop's own, a till's of its store."""
    if actor.kind == "shop":
        return hold.placed_by == actor.key
    if actor.kind == "terminal":
        return hold.placed_by == actor.key or (
            hold.store_id is not None and hold.store_id == actor.store_id
        )
    return True


def _open(uow: UnitOfWork, hold_id: UUID) -> tuple[Book, Hold]:
    """Lock a hold's account and return the hold, which has not ended."""
    found = holds.find(uow.connection, hold_id)
    if found is None or not may_see(uow.actor, found):
        raise NotFound
    book = Book(uow)
    book.open([found.member_id])
    hold = holds.find(uow.connection, hold_id)
    if hold is None:
        raise NotFound
    if not book.is_open(hold.member_id):
        raise LostRace(None, f"{hold_id} has gone with its member")
    status = hold.status_at(uow.now)
    if status != HELD:
        raise _REFUSALS[status]
    if orders.holds_for_checkout(uow.connection, hold_id):
        raise HoldOfCheckout
    return book, hold


def _end(book: Book, hold: Hold, end: End) -> Mapping[str, Any]:
    book.end_hold(hold, end)
    book.flush()
    ended = replace(hold, status=end.status, captured=end.captured, closed_at=end.at)
    return view(ended, end.at)


def view(hold: Hold, now: datetime) -> dict[str, Any]:
    """Return a hold as it is answered; one whose time is over has ended, however late the sweep."""
    status = hold.status_at(now)
    closed_at = hold.expires_at if status == EXPIRED else hold.closed_at
    return {**asdict(hold), "status": status, "closed_at": closed_at}
