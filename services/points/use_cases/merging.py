"""Two members become one: what the source has goes to the survivor, and comes back (M3).

Both accounts are locked, in the order of all locks, so a sale of either comes before or after. One
that comes after, and names the source, finds where its account went under the same lock: see
`Book.open`.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.points import tables
from services.points.domain.sales import Sale
from services.points.repository import allowances, merging
from services.points.repository.book import Book
from shared import merging as saga
from shared.contracts.event import Envelope
from shared.db import UnitOfWork
from shared.merging import MERGE, Step

SERVICE = "points"


def follow_merge(uow: UnitOfWork, event: Envelope) -> None:
    """Take a step of a merge, in its order, once (``member.merged``, ``member.unmerged``)."""
    saga.follow(uow, event, service=SERVICE, move=_move)


def owned(book: Book, sale: Sale) -> Sale:
    """Return a sale as that of who its member is by now; the member's account is open."""
    if sale.member_id is None or (owner := book.owner(sale.member_id)) == sale.member_id:
        return sale
    return replace(sale, member_id=owner, member_status=book.account(owner).status)


def _move(uow: UnitOfWork, step: Step) -> None:
    connection = uow.connection
    book = Book(uow)
    if step.act == MERGE:
        book.open([step.source_id, step.survivor_id])
        book.merge(step.source_id, step.survivor_id, step.merge_id)
        merging.redirect(connection, step.source_id, step.survivor_id)
        merging.share_limits(connection, step.source_id, step.survivor_id)
        allowances.hand_over(connection, step.source_id, step.survivor_id, step.merge_id)
    else:
        book.open([step.source_id, step.survivor_id])
        merging.redirect(connection, step.source_id, None)
        book.unmerge(step.source_id, step.survivor_id, step.merge_id)
        merging.unshare_limits(connection, step.source_id, step.survivor_id)
        allowances.hand_back(connection, step.survivor_id, step.source_id, step.merge_id)
    _note_status(connection, step.source_id, step.status, step.sequence)


def _note_status(connection: sa.Connection, member_id: UUID, status: str, sequence: int) -> None:
    kept = tables.members
    told = {"member_id": member_id, "status": status, "sequence": sequence}
    fresh = insert(kept).values(told)
    connection.execute(
        fresh.on_conflict_do_update(
            index_elements=[kept.c.member_id],
            set_={name: fresh.excluded[name] for name in ("status", "sequence")},
            where=kept.c.sequence < fresh.excluded.sequence,
        )
    )
