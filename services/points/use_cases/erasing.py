"""Forgetting a member: its points are forfeited, the ledger stays without a person (M6)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.points import tables
from services.points.repository import accounts, holds, orders
from services.points.repository.book import ERASURE, Book, Cause
from services.points.repository.due import End
from services.points.repository.holds import RELEASED
from services.points.use_cases.checkouts import close
from services.points.use_cases.standing import ERASED
from shared.contracts.event import Envelope
from shared.contracts.privacy import ERASED as MEMBER_ERASED
from shared.db import UnitOfWork
from shared.privacy import erasing


def erase_member(uow: UnitOfWork, event: Envelope) -> None:
    """Release holds, forfeit what there is, write debt off, close open orders, and say so.

    A sale that comes at the same moment is recorded before, and what it earned is forfeited too, or
    finds the account over: both lock it.
    """
    member_id = event.read(MEMBER_ERASED)["member_id"]
    book = Book(uow)
    book.open([member_id])
    forfeited = 0
    if book.owner(member_id) == member_id:  # else its account is another one's, erased with it
        for hold in holds.standing(uow.connection, member_id):
            book.end_hold(hold, End(RELEASED, uow.now))
        forfeited = book.forfeit(member_id, Cause(ERASURE, str(member_id), uow.now))
    book.flush()
    accounts.close_for_good(uow.connection, member_id, uow.now)
    _note_status(uow, event)
    for checkout in orders.lock_open_checkouts_of(uow.connection, member_id):
        close(book, checkout, orders.CANCELLED)
    erasing.forget(uow, "points", tables.metadata, member_id)
    erasing.acknowledge(uow, "points", member_id, {"points_forfeited": forfeited})


def _note_status(uow: UnitOfWork, event: Envelope) -> None:
    kept = tables.members
    row = {"member_id": event.subject, "status": ERASED, "sequence": event.sequence}
    fresh = insert(kept).values(row)
    uow.connection.execute(
        fresh.on_conflict_do_update(
            index_elements=[kept.c.member_id],
            set_={
                "status": ERASED,
                "sequence": sa.func.greatest(kept.c.sequence, fresh.excluded.sequence),
            },
        )
    )
