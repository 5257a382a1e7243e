"""Forgetting a member in one service, as the register says (M6).

What an erasure means for points, coupons and tiers as such is for their own use cases; what is done
here is the same everywhere: rows go, values are blanked, copies are thrown away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

import sqlalchemy as sa

from shared.contracts.privacy import ACKNOWLEDGED
from shared.db.tables import PLATFORM
from shared.db.units import UnitOfWork
from shared.privacy.pages import belongs
from shared.privacy.register import TOLD, Erasure, holdings_of


def forget(uow: UnitOfWork, service: str, metadata: sa.MetaData, member_id: UUID) -> None:
    """Delete and blank what the service keeps of a member, and copies of it.

    Rows that belong to the member through another table are the caller's to treat, or go with
    those by their foreign key.
    """
    for holding in holdings_of(service):
        if holding.through is not None or not holding.whose:
            continue
        table, theirs = metadata.tables[holding.table], belongs(metadata, holding, [member_id])
        if holding.having(Erasure.DELETED):
            uow.connection.execute(sa.delete(table).where(theirs))
            continue
        blank = {name: _blank(table.c[name]) for name in holding.having(Erasure.BLANKED)}
        if blank:
            uow.connection.execute(sa.update(table).where(theirs).values(blank))
    forget_answers(uow, [f"member:{member_id}"])
    forget_told(uow, service, member_id)
    _forget_files(uow, f"member:{member_id}")


def forget_answers(uow: UnitOfWork, callers: Iterable[str]) -> None:
    """Delete the answers that are kept for callers."""
    table = PLATFORM.idempotency
    uow.connection.execute(sa.delete(table).where(table.c.caller.in_(list(callers))))


def forget_told(
    uow: UnitOfWork, service: str, member_id: UUID, *, keeping: Iterable[str] = ()
) -> None:
    """Blank what events about a member say that `TOLD` lists, save those types in ``keeping``.

    An event that nobody has heard yet is heard without it.
    """
    outbox = PLATFORM.outbox
    for name, values in TOLD.get(service, {}).items():
        if name in keeping:
            continue
        mine = (outbox.c.subject == str(member_id), outbox.c.type == name)
        blank = sa.cast(sa.literal(dict(values), sa.JSON), outbox.c.data.type)
        changed = sa.update(outbox).where(*mine).values(data=outbox.c.data.op("||")(blank))
        uow.connection.execute(changed)


def acknowledge(
    uow: UnitOfWork, service: str, member_id: UUID, done: Mapping[str, int] | None = None
) -> None:
    """Say with this transaction that the service has forgotten the member."""
    data = {"member_id": member_id, "done": dict(done or {})}
    uow.emit(ACKNOWLEDGED[service], subject=member_id, data=data)


def forget_outputs(uow: UnitOfWork, job_ids: sa.Select[tuple[UUID]]) -> None:
    """Delete the files that jobs have made so far: there are none any more."""
    chunks, jobs = PLATFORM.work.chunks, PLATFORM.work.jobs
    uow.connection.execute(
        sa.delete(chunks).where(chunks.c.job_id.in_(job_ids), chunks.c.side == "output")
    )
    withdrawn = sa.update(jobs).where(jobs.c.job_id.in_(job_ids), jobs.c.finished_at.is_not(None))
    uow.connection.execute(withdrawn.values(content_type=None))


def _forget_files(uow: UnitOfWork, creator: str) -> None:
    jobs = PLATFORM.work.jobs
    forget_outputs(uow, sa.select(jobs.c.job_id).where(jobs.c.creator == creator))


def _blank(column: sa.Column[object]) -> object:
    if column.nullable:
        return None
    if isinstance(column.type, sa.JSON):
        return {}
    return b"" if isinstance(column.type, sa.LargeBinary) else ""
