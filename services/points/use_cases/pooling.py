"""Pooling: a household's owner gathers what its other members can spend (L10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.points.domain.pooling import gather
from services.points.repository import expiry_terms, households
from services.points.repository.book import Book
from services.points.repository.households import Household
from services.points.use_cases.standing import is_active, refuse_unless_active
from services.points.use_cases.transfers import move
from shared.contracts.points.households import NOT_ACTIVE
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.errors.points import InsufficientPoints


def pool(uow: UnitOfWork, *, household_id: UUID, points: int | None) -> Mapping[str, Any]:
    """Move points of a household's other members to its owner, all of them or ``points``.

    The lots that lapse first go first, whoever's they are. Who is not active gives nothing. What is
    pooled counts against nobody's limit of transfers: a member agrees to it by joining.

    Raises:
        NotFound: there is no such household, or a member asks who does not own it.
        MemberNotActive: the owner is frozen or closed.
        InsufficientPoints: the others have fewer than ``points`` available together.
    """
    household = households.find(uow.connection, household_id, keep=True)
    if household is None or not _may_pool(uow, household):
        raise NotFound
    book = Book(uow)
    book.open(household.member_ids)
    # Who was merged may be named until the household's own event arrives (M3).
    owner_id = book.owner(household.owner_id)
    refuse_unless_active(book.account(owner_id), exists=True)
    others = sorted({book.owner(each) for each in household.member_ids} - {owner_id})
    givers = [each for each in others if is_active(book.account(each))]
    shares = _shares(book, givers, points)
    moved = [
        move(book, giver, owner_id, share, note=None, household_id=household_id)
        for giver, share in shares.items()
    ]
    book.flush()
    total = sum(shares.values())
    if uow.actor.kind == "staff":
        after = {"owner_member_id": str(owner_id), "points": total}
        uow.audit("household.pool", ("household", household_id), after=after)
    return {
        "household_id": household_id,
        "owner_member_id": owner_id,
        "points": total,
        "transfers": [
            {
                "transfer_id": each.transfer_id,
                "from_member_id": each.from_member_id,
                "points": each.points,
            }
            for each in moved
        ],
        "skipped": [
            {"member_id": each, "reason": NOT_ACTIVE} for each in others if each not in givers
        ],
    }


def _may_pool(uow: UnitOfWork, household: Household) -> bool:
    return uow.actor.kind != "member" or uow.actor.id == str(household.owner_id)


def _shares(book: Book, givers: list[UUID], points: int | None) -> dict[UUID, int]:
    """Return what each of the members gives; raises `InsufficientPoints`."""
    available = sum(book.account(giver).figures.available for giver in givers)
    wanted = available if points is None else points
    if wanted > available:
        raise InsufficientPoints(available=available)
    # The order of their lots is that of all changes of how long points last (L12).
    expiry_terms.catch_up(book.uow.connection, givers)
    return gather({giver: book.spendable(giver, wanted) for giver in givers}, wanted)
