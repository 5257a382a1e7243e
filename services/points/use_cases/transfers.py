"""Transfers: lots that move from one member to another, their expiry unchanged (L10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from services.points import tables
from services.points.domain.programme import Programme
from services.points.repository import transfers
from services.points.repository.book import TRANSFER, Book, Cause
from services.points.repository.transfers import Transfer
from services.points.use_cases.standing import is_active, refuse_unless_active
from shared.contracts.points import events
from shared.db import UnitOfWork
from shared.errors import FieldError, Invalid
from shared.errors.points import InsufficientPoints, TransferLimitExceeded, UnknownMember
from shared.ids import new_id


def transfer(
    uow: UnitOfWork,
    *,
    programme: Programme,
    from_member_id: UUID,
    to_member_id: UUID,
    exists: bool,
    points: int,
    note: str | None,
) -> Mapping[str, Any]:
    """Move points between two members; the lots that lapse first go first.

    Raises:
        Invalid: both are the same member.
        UnknownMember: points has not heard of one, and the caller does not vouch for them.
        MemberNotActive: one of the two is not active; whoever gives points of its own hears of the
            other that it is unknown.
        InsufficientPoints: the giver has fewer available.
        TransferLimitExceeded: the giver's limit of the day would be passed.
    """
    if from_member_id == to_member_id:
        raise Invalid(errors=[FieldError("to_member_id", "same_member", "Name somebody else.")])
    book = Book(uow)
    book.open([from_member_id, to_member_id])
    from_member_id, to_member_id = book.owner(from_member_id), book.owner(to_member_id)
    if from_member_id == to_member_id:
        raise Invalid(errors=[FieldError("to_member_id", "same_member", "They are one member.")])
    refuse_unless_active(book.account(from_member_id), exists=exists)
    receiver = book.account(to_member_id)
    if uow.actor.kind == "member" and not is_active(receiver):
        raise UnknownMember  # how somebody else's account stands is no member's business
    refuse_unless_active(receiver, exists=exists)
    available = book.account(from_member_id).figures.available
    if points > available:
        raise InsufficientPoints(available=available)
    _refuse_beyond_limits(uow, programme, from_member_id, points)
    moved = move(book, from_member_id, to_member_id, points, note=note)
    book.flush()
    _audit(uow, moved)
    return asdict(moved)


def move(
    book: Book,
    from_member_id: UUID,
    to_member_id: UUID,
    points: int,
    *,
    note: str | None,
    household_id: UUID | None = None,
) -> Transfer:
    """Carry out a transfer between opened accounts that may do so, and say so."""
    uow = book.uow
    made = Transfer(
        transfer_id=new_id(),
        from_member_id=from_member_id,
        to_member_id=to_member_id,
        points=points,
        note=note,
        household_id=household_id,
        made_by=uow.actor.key,
        made_at=uow.now,
    )
    cause = Cause(TRANSFER, str(made.transfer_id), uow.now)
    book.transfer(from_member_id, to_member_id, points, cause)
    book.insert(tables.transfers, [asdict(made)])
    uow.emit(events.TRANSFERRED, subject=from_member_id, data=asdict(made))
    return made


def _audit(uow: UnitOfWork, moved: Transfer) -> None:
    """Note what staff moves; members may give away what is theirs (I4)."""
    if uow.actor.kind == "staff":
        parties = {"from_member_id": moved.from_member_id, "to_member_id": moved.to_member_id}
        after = {name: str(member_id) for name, member_id in parties.items()}
        target = ("transfer", moved.transfer_id)
        uow.audit("transfer.make", target, after={**after, "points": moved.points})


def _refuse_beyond_limits(
    uow: UnitOfWork, programme: Programme, member_id: UUID, points: int
) -> None:
    """Count what the member has given away on this local day; its account's lock keeps it so."""
    since = programme.start_of_day(programme.local_date(uow.now))
    count, given = transfers.given_since(uow.connection, member_id, since)
    most, most_points = programme.transfers_per_day, programme.transfer_points_per_day
    if count + 1 > most or given + points > most_points:
        raise TransferLimitExceeded(
            transfers_left=max(most - count, 0), points_left=max(most_points - given, 0)
        )
