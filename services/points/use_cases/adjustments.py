"""Adjustments: points given or taken by staff, large ones with a second pair of eyes (L9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.points import tables
from services.points.domain.programme import Programme
from services.points.repository import adjustments, expiry_terms
from services.points.repository.adjustments import APPROVED, PENDING, REJECTED, Adjustment
from services.points.repository.book import ADJUSTMENT, Book, Cause
from services.points.use_cases.standing import refuse_unless_active
from shared.contracts.points import events
from shared.db import Outcome, UnitOfWork
from shared.errors import FieldError, Invalid, NotFound
from shared.errors.points import (
    AdjustmentAboveRole,
    AdjustmentDecided,
    InsufficientPoints,
    OwnAdjustment,
)
from shared.ids import new_id

MANAGER = "manager"
WAITS = 202
_VERBS = {APPROVED: "approve", REJECTED: "reject"}


def adjust(
    uow: UnitOfWork,
    *,
    programme: Programme,
    member_id: UUID,
    exists: bool,
    points: int,
    reason_code: str,
    note: str,
    expires_at: datetime | None,
) -> Outcome:
    """Give (+) or take (-) points, or ask for it where it takes two.

    Raises:
        AdjustmentAboveRole: the caller's roles do not go so far.
        UnknownMember: points has not heard of the member, and the caller does not vouch for it.
        MemberNotActive: the account is frozen, closed, merged or erased.
        InsufficientPoints: fewer are available than are to be taken.
        Invalid: the points given would have lapsed, or an expiry is set for points taken.
    """
    if abs(points) > programme.support_adjusts_up_to and MANAGER not in uow.actor.roles:
        raise AdjustmentAboveRole(maximum=programme.support_adjusts_up_to)
    book = Book(uow)
    book.open([member_id])
    member_id = book.owner(member_id)
    refuse_unless_active(book.account(member_id), exists=exists)
    asked = Adjustment(
        adjustment_id=new_id(),
        member_id=member_id,
        points=points,
        reason_code=reason_code,
        note=note,
        expires_at=expires_at,
        status=APPROVED,
        requested_by=uow.actor.key,
        requested_at=uow.now,
    )
    if abs(points) > programme.adjustment_takes_two_above:
        asked = replace(asked, status=PENDING)
        _refuse_unless_possible(book, asked)
    else:
        asked = _carry_out(book, programme, asked)
    book.insert(tables.adjustments, [asdict(asked)])
    book.flush()
    _audit(uow, "adjustment.request" if asked.status == PENDING else "adjustment.make", asked)
    return Outcome(asdict(asked), WAITS if asked.status == PENDING else None)


def approve_adjustment(
    uow: UnitOfWork, *, programme: Programme, adjustment_id: UUID
) -> Mapping[str, Any]:
    """Carry out what somebody else asked for.

    Raises:
        NotFound: nobody asked for that.
        OwnAdjustment: the caller asked for it.
        AdjustmentDecided: it was decided before.
        MemberNotActive, InsufficientPoints, Invalid: as in `adjust`, by now.
    """
    book, asked = _open(uow, adjustment_id)
    if asked.requested_by == uow.actor.key:
        raise OwnAdjustment
    refuse_unless_active(book.account(asked.member_id), exists=True)
    return _decide(book, _carry_out(book, programme, replace(asked, status=APPROVED)))


def reject_adjustment(uow: UnitOfWork, *, adjustment_id: UUID) -> Mapping[str, Any]:
    """Refuse what was asked for; who asked may withdraw it so, too.

    Raises:
        NotFound: nobody asked for that.
        AdjustmentDecided: it was decided before.
    """
    book, asked = _open(uow, adjustment_id)
    return _decide(book, replace(asked, status=REJECTED))


def _open(uow: UnitOfWork, adjustment_id: UUID) -> tuple[Book, Adjustment]:
    """Lock the account of an undecided adjustment, and so the adjustment."""
    found = adjustments.find(uow.connection, adjustment_id)
    if found is None:
        raise NotFound
    book = Book(uow)
    book.open([found.member_id])
    asked = adjustments.find(uow.connection, adjustment_id)
    if asked is None or asked.status != PENDING:
        raise AdjustmentDecided
    return book, replace(asked, member_id=book.owner(asked.member_id))


def _decide(book: Book, decided: Adjustment) -> Mapping[str, Any]:
    decided = replace(decided, decided_by=book.uow.actor.key, decided_at=book.uow.now)
    changed = (
        "adjustment_id",
        "expires_at",
        "status",
        "decided_by",
        "decided_at",
        "transaction_id",
    )
    row = asdict(decided)
    book.update(tables.adjustments, [{name: row[name] for name in changed}])
    book.flush()
    _audit(book.uow, f"adjustment.{_VERBS[decided.status]}", decided, before={"status": PENDING})
    return row


def _audit(
    uow: UnitOfWork,
    action: str,
    adjustment: Adjustment,
    *,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Note what staff did (I4); its note stays with the adjustment."""
    uow.audit(
        action,
        ("adjustment", adjustment.adjustment_id),
        before=before,
        after={
            "member_id": str(adjustment.member_id),
            "points": adjustment.points,
            "status": adjustment.status,
        },
        reason=adjustment.reason_code,
    )


def _refuse_unless_possible(book: Book, asked: Adjustment) -> None:
    expires_at = asked.expires_at
    if asked.points < 0 and expires_at is not None:
        raise Invalid(errors=[FieldError("expires_at", "not_applicable", "Only for points given.")])
    if expires_at is not None and expires_at <= book.uow.now:
        raise Invalid(errors=[FieldError("expires_at", "past", "Must lie ahead.")])
    available = book.account(asked.member_id).figures.available
    if asked.points + available < 0:
        raise InsufficientPoints(available=available)


def _carry_out(book: Book, programme: Programme, asked: Adjustment) -> Adjustment:
    """Move the points and say so; returns the adjustment with its entry and expiry."""
    _refuse_unless_possible(book, asked)
    now, member_id = book.uow.now, asked.member_id
    earned_at = None
    if asked.points > 0 and asked.expires_at is None:
        terms = expiry_terms.history(book.uow.connection, programme, book.expiry_token)
        earned_at, asked = now, replace(asked, expires_at=terms.expiry_of(now))
    cause = Cause(ADJUSTMENT, str(asked.adjustment_id), now, reason_code=asked.reason_code)
    entry = book.adjust(
        member_id, asked.points, cause, expires_at=asked.expires_at, earned_at=earned_at
    )
    done = replace(asked, transaction_id=entry)
    book.uow.emit(events.ADJUSTED, subject=member_id, data=asdict(done))
    return done
