"""Members that come from another system bring the points they had there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.points import tables
from services.points.domain.programme import Programme
from services.points.repository import accounts, bulk, expiry_terms
from services.points.repository.adjustments import APPROVED, Adjustment
from services.points.repository.book import Book, Cause
from services.points.use_cases import projections
from shared.clock import rfc3339
from shared.contracts.event import Envelope
from shared.contracts.members import events as members
from shared.contracts.points import events
from shared.db import UnitOfWork
from shared.ids import new_id

IMPORT = "import"
"""Kind of reference; the id is the member's, who has one opening balance at most (L7)."""
_MIGRATION = "migration"
_DAY = timedelta(days=1)


def open_balances(uow: UnitOfWork, event: Envelope, *, programme: Programme) -> None:
    """Take in members that were imported, and give each its opening balance (``member.imported``).

    A balance is given once, as an adjustment. Who has been merged since has brought it to the
    survivor (M3), and who has been erased has nobody left to own it (M6).
    """
    came = event.read(members.IMPORTED)["members"]
    projections.note_imported(uow, came)
    book = Book(uow)
    brought = {each["member_id"]: each for each in came if each["points"]}
    book.open(brought)
    known = _known(uow, brought)
    new = [each for member_id, each in brought.items() if member_id not in known]
    alive = [each for each in new if book.account(each["member_id"]).status != accounts.ERASED]
    if alive:
        _open(book, alive, programme)


def _open(book: Book, came: Sequence[Mapping[str, Any]], programme: Programme) -> None:
    uow = book.uow
    terms = expiry_terms.history(uow.connection, programme, book.expiry_token)
    own_terms = terms.expiry_of(uow.now)

    @cache
    def end_of(day: date) -> datetime:
        return programme.start_of_day(day + _DAY)

    done: list[dict[str, Any]] = []
    for each in came:
        expires_on = each["expires_on"]
        by_terms = expires_on is None
        expires_at = own_terms if by_terms else end_of(expires_on)
        earned_at = uow.now if by_terms else None
        done.append(_adjust(book, each, expires_at, earned_at))
    book.insert(tables.adjustments, done)
    alike = {"reason_code": _MIGRATION}
    uow.emit_each(events.ADJUSTED, alike, [(str(row["member_id"]), _told(row)) for row in done])
    book.flush()


def _adjust(
    book: Book, each: Mapping[str, Any], expires_at: datetime | None, earned_at: datetime | None
) -> dict[str, Any]:
    uow, member_id = book.uow, each["member_id"]
    cause = Cause(IMPORT, str(member_id), uow.now, reason_code=_MIGRATION)
    entry = book.adjust(
        member_id, each["points"], cause, expires_at=expires_at, earned_at=earned_at
    )
    done = Adjustment(
        adjustment_id=new_id(),
        member_id=book.owner(member_id),
        points=each["points"],
        reason_code=_MIGRATION,
        note="Opening balance of an import.",
        expires_at=expires_at,
        status=APPROVED,
        requested_by=uow.actor.key,
        requested_at=uow.now,
        transaction_id=entry,
    )
    return bulk.columns_of(done)


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    ids = {name: str(row[name]) for name in ("member_id", "transaction_id", "adjustment_id")}
    expires_at = row["expires_at"]
    lapses = {"expires_at": None if expires_at is None else rfc3339(expires_at)}
    return {**ids, **lapses, "points": row["points"]}


def _known(uow: UnitOfWork, member_ids: Mapping[UUID, object]) -> set[UUID]:
    """Return whose balance was brought before, whatever event told; the accounts are locked."""
    entries = tables.transactions
    references = sa.literal([str(each) for each in member_ids], ARRAY(sa.Text))
    brought: sa.Select[Any] = sa.select(entries.c.reference_id).where(
        entries.c.reference_id == sa.any_(references),
        entries.c.reference_kind == IMPORT,
        entries.c.type == "adjust",
    )
    return {UUID(each) for each in uow.connection.execute(brought).scalars()}
