"""Exports, erasures, and what of them is kept (M6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.members import tables
from shared.calls import Idempotency
from shared.db.tables import PLATFORM

# --- persons --------------------------------------------------------------------------------


def merged_into(connection: sa.Connection, member_id: UUID) -> list[UUID]:
    """Return all members who are this one by now, in the order of their ids (M3)."""
    table = tables.members
    found = sa.select(table.c.member_id).where(table.c.merged_into == member_id).cte(recursive=True)
    further = sa.select(table.c.member_id).join(found, table.c.merged_into == found.c.member_id)
    everybody = found.union(further)
    rows = connection.execute(sa.select(everybody.c.member_id))
    return sorted(rows.scalars())


def data_keys(connection: sa.Connection, member_ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """Return the wrapped data keys of members that have not been erased."""
    table = tables.members
    theirs = sa.select(table.c.member_id, table.c.data_key).where(
        table.c.member_id.in_(member_ids), table.c.data_key.is_not(None)
    )
    return {member_id: bytes(key) for member_id, key in connection.execute(theirs)}


# --- exports --------------------------------------------------------------------------------


def add_export(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Note an export that begins."""
    connection.execute(sa.insert(tables.exports).values(row))


def lock_export(connection: sa.Connection, job_id: UUID) -> sa.Row[Any] | None:
    """Return an export that is not over, locked: an erasure waits for the slice under way."""
    wanted = sa.select(tables.exports).where(tables.exports.c.job_id == job_id)
    return connection.execute(wanted.with_for_update()).one_or_none()


def drop_export(connection: sa.Connection, job_id: UUID) -> None:
    """Forget an export with its key and parts."""
    table = tables.exports
    connection.execute(sa.delete(table).where(table.c.job_id == job_id))


def add_part(connection: sa.Connection, row: Mapping[str, Any]) -> bool:
    """Keep a part of an export; False when that is over, or never was."""
    table = tables.exports
    known = sa.select(table.c.job_id).where(table.c.job_id == row["job_id"])
    if connection.execute(known.with_for_update(read=True)).one_or_none() is None:
        return False
    connection.execute(insert(tables.export_parts).values(row).on_conflict_do_nothing())
    return True


_BLANK_IMPORTED = sa.text("""
UPDATE outbox SET data = jsonb_build_object('members', (
    SELECT jsonb_agg(
        CASE WHEN one->>'member_id' = :member_id
            THEN one || jsonb_build_object('birth_month', NULL) ELSE one END ORDER BY place
    ) FROM jsonb_array_elements(data->'members') WITH ORDINALITY AS came (one, place)
))
WHERE type = 'member.imported' AND data @> jsonb_build_object(
    'members', jsonb_build_array(jsonb_build_object('member_id', CAST(:member_id AS text)))
) AND subject = (
    SELECT data->>'import_id' FROM outbox WHERE subject = :member_id AND type = 'member.enrolled'
)
""")


def blank_imported(connection: sa.Connection, member_id: UUID) -> None:
    """Blank what the event of an import says of one of many members."""
    connection.execute(_BLANK_IMPORTED, {"member_id": str(member_id)})


def whole_parts(connection: sa.Connection, job_id: UUID) -> dict[str, int]:
    """Return which services have sent all their parts, and how many."""
    table = tables.export_parts
    last = sa.func.max(table.c.seq).filter(table.c.is_last)
    counted = (
        sa.select(table.c.service, sa.func.count())
        .where(table.c.job_id == job_id)
        .group_by(table.c.service)
        .having(last + 1 == sa.func.count())
    )
    return {service: count for service, count in connection.execute(counted)}


def part(connection: sa.Connection, job_id: UUID, service: str, seq: int) -> sa.Row[Any]:
    """Return a part that was sent."""
    wanted = sa.select(tables.export_parts).filter_by(job_id=job_id, service=service, seq=seq)
    return connection.execute(wanted).one()


def drop_old_export_jobs(
    connection: sa.Connection, kind: str, before: sa.ColumnElement[datetime], *, limit: int = 100
) -> int:
    """Delete export jobs that ended before an instant, with their files; return how many."""
    jobs = PLATFORM.work.jobs
    old = (
        sa.select(jobs.c.job_id)
        .where(jobs.c.kind == kind, jobs.c.finished_at.is_not(None), jobs.c.touched_at < before)
        .limit(limit)
    )
    return connection.execute(sa.delete(jobs).where(jobs.c.job_id.in_(old))).rowcount


# --- erasures -------------------------------------------------------------------------------


def add_erasure(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Note that a member is erased."""
    connection.execute(sa.insert(tables.erasures).values(row))


def erasure_job(connection: sa.Connection, member_id: UUID) -> UUID | None:
    """Return which job erases, or erased, a member."""
    table = tables.erasures
    found: UUID | None = connection.execute(
        sa.select(table.c.job_id).where(table.c.member_id == member_id)
    ).scalar()
    return found


def add_acknowledgement(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Note that a service has forgotten a member, once."""
    new = insert(tables.erasure_acknowledgements).values(row)
    connection.execute(new.on_conflict_do_nothing())


def acknowledgements(connection: sa.Connection, job_id: UUID) -> dict[str, Any]:
    """Return who has forgotten all members that a job erases, and what that took in sum."""
    erased, said = tables.erasures, tables.erasure_acknowledgements
    number = sa.select(sa.func.count()).where(erased.c.job_id == job_id).scalar_subquery()
    whole = (
        sa.select(said.c.service, sa.func.jsonb_agg(said.c.done))
        .join(erased, erased.c.member_id == said.c.member_id)
        .where(erased.c.job_id == job_id)
        .group_by(said.c.service)
        .having(sa.func.count() == number)
    )
    return {
        service: {name: sum(each[name] for each in done) for name in done[0]}
        for service, done in connection.execute(whole)
    }


# --- answers that show a member -------------------------------------------------------------


def note_answer(
    connection: sa.Connection, caller: str, request: Idempotency, member_ids: Sequence[UUID]
) -> None:
    """Note that the answer kept for this request shows members."""
    place = {"caller": caller, "route": request.route, "key": request.key}
    rows = [{**place, "member_id": member_id} for member_id in member_ids]
    if rows:
        connection.execute(insert(tables.stored_answers).values(rows).on_conflict_do_nothing())


def drop_answers(connection: sa.Connection, member_id: UUID) -> None:
    """Delete kept answers that show a member, whoever got them."""
    table, kept = tables.stored_answers, PLATFORM.idempotency
    place = [table.c[name] for name in ("caller", "route", "key")]
    theirs = sa.select(*place).where(table.c.member_id == member_id)
    key = sa.tuple_(*(kept.c[column.name] for column in place))
    connection.execute(sa.delete(kept).where(key.in_(theirs)))
