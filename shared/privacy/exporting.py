"""A service's part in an export: a job that sends what the register names, page by page (M6)."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa

from shared.contracts.event import Envelope
from shared.contracts.privacy import EXPORT_PARTS, EXPORT_REQUESTED, HOLDERS, PartOrderSchema
from shared.db.units import UnitOfWork
from shared.jobs import JobKind, JobState, Progress, finished, more, start
from shared.privacy import pages, sealing
from shared.privacy.pages import Opener

PART_JOBS: Mapping[str, JobKind] = {
    service: JobKind(service, "export_part", PartOrderSchema) for service in HOLDERS
}


def begin_part(uow: UnitOfWork, event: Envelope, *, service: str) -> None:
    """Start to collect what the service keeps of a member."""
    asked = event.read(EXPORT_REQUESTED)
    start(uow, PART_JOBS[service], asked)


def part_slice(
    uow: UnitOfWork, work: JobState, *, service: str, metadata: sa.MetaData, opener: Opener
) -> Progress:
    """Send one page, sealed for the export."""
    position = work.state.get("position") or pages.start_of(service)
    if position is None:
        raise LookupError(f"{service} has nothing to export")
    order = work.request
    member_id: UUID = order["member_id"]
    page = pages.read(
        uow.connection,
        metadata,
        service,
        member_ids=order["member_ids"],
        position=position,
        opener=opener,
    )
    seq, is_last = work.done, page.position is None
    sealed = sealing.seal(
        order["public_key"],
        pages.to_json(page.rows),
        context=context_of(order["export_id"], service, seq, page.table),
    )
    uow.emit(
        EXPORT_PARTS[service],
        subject=member_id,
        data={
            "export_id": order["export_id"],
            "member_id": member_id,
            "seq": seq,
            "table": page.table,
            "is_last": is_last,
            "sealed": sealed,
        },
    )
    if is_last:
        return finished(work, done=seq + 1)
    return more(work, done=seq + 1, state={"position": page.position})


def context_of(export_id: UUID, service: str, seq: int, table: str) -> str:
    """Bind a sealed page to its place, so that none can stand for another."""
    return f"{export_id}:{service}:{seq}:{table}"


def refuse_to_open(table: str, column: str, _row: Mapping[str, object]) -> object:
    """Open nothing: for services that seal nothing of members."""
    raise LookupError(f"nobody opens {table}.{column}")
