"""Members that come from another system bring the points they had there."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from services.points import tables
from services.points.domain.programme import Programme
from services.points.repository import expiry_terms
from services.points.repository.adjustments import APPROVED, Adjustment
from services.points.repository.book import Book, Cause
from shared.contracts.event import Envelope
from shared.contracts.members import events as members
from shared.contracts.points import events
from shared.db import UnitOfWork
from shared.ids import new_id

IMPORT = "import"
"""Kind of reference; the id is the member's, who has one opening balance at most (L7)."""
_MIGRATION = "migration"
_DAY = timedelta(days=1)


def open_balance(uow: UnitOfWork, event: Envelope, *, programme: Programme) -> None:
    """Give a member its opening balance, once, as an adjustment (``member.imported``)."""
    told = event.read(members.IMPORTED)
    member_id, points = told["member_id"], told["points"]
    book = Book(uow)
    book.open([member_id])
    if _is_known(uow, str(member_id)):
        return
    earned_at = None
    if told["expires_on"] is None:
        terms = expiry_terms.history(uow.connection, programme, book.expiry_token)
        earned_at, expires_at = uow.now, terms.expiry_of(uow.now)
    else:
        expires_at = programme.start_of_day(told["expires_on"] + _DAY)
    cause = Cause(IMPORT, str(member_id), uow.now, reason_code=_MIGRATION)
    entry = book.adjust(member_id, points, cause, expires_at=expires_at, earned_at=earned_at)
    done = Adjustment(
        adjustment_id=new_id(),
        member_id=book.owner(member_id),
        points=points,
        reason_code=_MIGRATION,
        note="Opening balance of an import.",
        expires_at=expires_at,
        status=APPROVED,
        requested_by=uow.actor.key,
        requested_at=uow.now,
        decided_by=None,
        decided_at=None,
        transaction_id=entry,
    )
    book.insert(tables.adjustments, [asdict(done)])
    uow.emit(events.ADJUSTED, subject=done.member_id, data=asdict(done))
    book.flush()


def _is_known(uow: UnitOfWork, reference: str) -> bool:
    """Whether the balance was brought before, whatever event told of it; the account is locked."""
    entries = tables.transactions
    brought: sa.Select[Any] = sa.select(sa.literal(1)).where(
        entries.c.reference_id == reference,
        entries.c.reference_kind == IMPORT,
        entries.c.type == "adjust",
    )
    return uow.connection.execute(brought).first() is not None
