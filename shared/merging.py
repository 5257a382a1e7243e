"""What each service does when members become one (M3): every step once, and in its order.

A service hands `follow` the event and what moving means to it. Steps are taken one at a time in a
service. One that comes before those it builds on waits in the service's database, and is taken in
the transaction of the last of them. Told again, a step that is done is just confirmed again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shared.contracts.event import Envelope
from shared.contracts.members.merge_events import APPLIED, MERGED, UNMERGED
from shared.db import UnitOfWork
from shared.db.merge_tables import MergeTables, merge_tables
from shared.db.tables import new_metadata

MERGE, UNMERGE = "merge", "unmerge"
_EVENTS = {MERGED.name: (MERGED, MERGE), UNMERGED.name: (UNMERGED, UNMERGE)}
_TABLES: MergeTables = merge_tables(new_metadata())
_ONE_BY_ONE = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('member_merges', 0))")
_READY = sa.text("""
SELECT s.* FROM member_merge_steps s
WHERE s.applied_at IS NULL AND NOT EXISTS (
    SELECT FROM unnest(s.after) AS needed(step_id)
    LEFT JOIN member_merge_steps done ON done.step_id = needed.step_id
    WHERE done.applied_at IS NULL
)
ORDER BY s.step_id LIMIT 1
""")
_MOST_HOPS = 1_000
_SURVIVORS = sa.text("""
WITH RECURSIVE way AS (
    SELECT member_id, merged_into, 1 AS hops FROM member_redirects WHERE member_id = ANY(:ids)
    UNION ALL
    SELECT way.member_id, r.merged_into, way.hops + 1
    FROM way JOIN member_redirects r ON r.member_id = way.merged_into WHERE way.hops < :most
)
SELECT DISTINCT ON (member_id) member_id, merged_into FROM way ORDER BY member_id, hops DESC
""").bindparams(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid(as_uuid=True))), most=_MOST_HOPS)
_FAMILY = sa.text("""
WITH RECURSIVE family AS (
    SELECT CAST(:member_id AS uuid) AS member_id
    UNION
    SELECT r.member_id FROM member_redirects r JOIN family f ON r.merged_into = f.member_id
)
SELECT member_id FROM family ORDER BY member_id
""")


@dataclass(frozen=True, slots=True)
class Step:
    """Two members become one, or two again."""

    step_id: UUID
    merge_id: UUID
    act: str
    source_id: UUID
    survivor_id: UUID
    sequence: int
    """Of the source's event: what members said of the source before that is out of date."""

    @property
    def status(self) -> str:
        """Return how the source stands after it."""
        return "merged" if self.act == MERGE else "active"


Move = Callable[[UnitOfWork, Step], None]


def follow(uow: UnitOfWork, event: Envelope, *, service: str, move: Move) -> None:
    """Take a step and those that waited for it, or let it wait; confirm those taken."""
    kind, act = _EVENTS[event.type]
    told = event.read(kind)
    uow.connection.execute(_ONE_BY_ONE)
    steps = _TABLES.steps
    known = uow.connection.execute(
        sa.select(steps.c.applied_at).where(steps.c.step_id == told["step_id"])
    ).one_or_none()
    if known is None:
        new = told | {"act": act, "sequence": event.sequence, "heard_at": uow.now}
        uow.connection.execute(sa.insert(steps).values(new))
    elif known.applied_at is not None:
        _confirm(uow, service, told["step_id"], told["merge_id"])
        return
    while (row := uow.connection.execute(_READY).one_or_none()) is not None:
        _take(uow, _step(row), service, move)


def survivors(connection: sa.Connection, member_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return who merged members are by now; others are left out."""
    if not member_ids:
        return {}
    rows = connection.execute(_SURVIVORS, {"ids": sorted(member_ids)})
    return {member_id: survivor for member_id, survivor in rows}


def survivor(connection: sa.Connection, member_id: UUID) -> UUID:
    """Return who a member is by now: itself, unless it was merged."""
    return survivors(connection, [member_id]).get(member_id, member_id)


def ways(connection: sa.Connection, member_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return whom merged members were merged into, one after the other; others are left out."""
    found: dict[UUID, list[UUID]] = {}
    redirects, ends = _TABLES.redirects, {each: each for each in member_ids}
    while ends:
        statement = sa.select(redirects.c.member_id, redirects.c.merged_into).where(
            redirects.c.member_id.in_(set(ends.values()))
        )
        next_ = {row.member_id: row.merged_into for row in connection.execute(statement)}
        ends = {each: next_[end] for each, end in ends.items() if end in next_}
        for each, end in ends.items():
            found.setdefault(each, []).append(end)
    return found


def family(connection: sa.Connection, member_id: UUID) -> list[UUID]:
    """Return a member and all that were merged into it, directly or not."""
    return list(connection.execute(_FAMILY, {"member_id": member_id}).scalars())


def were_one(connection: sa.Connection, one: UUID, other: UUID) -> bool:
    """Return whether two members are the same, or were it for some time."""
    known, steps = {one}, _TABLES.steps
    new = set(known)
    while new and other not in known:
        sides = (steps.c.source_member_id, steps.c.survivor_member_id)
        statement = sa.select(*sides).where(sa.or_(*(side.in_(new) for side in sides)))
        new = {each for row in connection.execute(statement) for each in row} - known
        known |= new
    return other in known


def _take(uow: UnitOfWork, step: Step, service: str, move: Move) -> None:
    redirects = _TABLES.redirects
    if step.act == MERGE:
        row = {
            "member_id": step.source_id,
            "merged_into": step.survivor_id,
            "merge_id": step.merge_id,
        }
        uow.connection.execute(insert(redirects).values(row))
    else:
        gone = redirects.c.merge_id == step.merge_id
        uow.connection.execute(sa.delete(redirects).where(gone))
    move(uow, step)
    done = sa.update(_TABLES.steps).where(_TABLES.steps.c.step_id == step.step_id)
    uow.connection.execute(done.values(applied_at=uow.now))
    _confirm(uow, service, step.step_id, step.merge_id)


def _confirm(uow: UnitOfWork, service: str, step_id: UUID, merge_id: UUID) -> None:
    data = {"step_id": step_id, "merge_id": merge_id}
    uow.emit(APPLIED[service], subject=merge_id, data=data)


def _step(row: Any) -> Step:
    return Step(
        row.step_id,
        row.merge_id,
        row.act,
        row.source_member_id,
        row.survivor_member_id,
        row.sequence,
    )
