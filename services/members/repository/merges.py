"""Merges of members: the map, the steps told to the others, and their progress (M3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from services.members import domain, tables
from services.members.vault import open_reason, reseal_identifier, seal_reason
from shared.security.crypto import DataKey

Row = sa.Row[Any]
Key = tuple[str, str, bytes]
"""Kind, system and digest of an identifier."""


def add_merge(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Insert a merge; the source's row is locked."""
    connection.execute(sa.insert(tables.merges).values(row))


def open_merge(connection: sa.Connection, source_id: UUID, survivor_id: UUID) -> Row | None:
    """Return the merge of two locked members that has not been undone."""
    table = tables.merges
    mine = sa.select(table).where(
        table.c.source_member_id == source_id,
        table.c.survivor_member_id == survivor_id,
        table.c.unmerged_at.is_(None),
    )
    return connection.execute(mine).one_or_none()


def last_undone(connection: sa.Connection, source_id: UUID, survivor_id: UUID) -> Row | None:
    """Return the newest merge of two locked members that has been undone."""
    table = tables.merges
    mine = sa.select(table).where(
        table.c.source_member_id == source_id,
        table.c.survivor_member_id == survivor_id,
        table.c.unmerged_at.is_not(None),
    )
    newest = mine.order_by(table.c.merge_id.desc()).limit(1)
    return connection.execute(newest).one_or_none()


def close_merge(connection: sa.Connection, merge_id: UUID, *, at: datetime, by: str) -> None:
    """Note that a merge was undone."""
    table = tables.merges
    undone = sa.update(table).where(table.c.merge_id == merge_id)
    connection.execute(undone.values(unmerged_at=at, unmerged_by=by))


def add_step(connection: sa.Connection, step: Mapping[str, Any], services: Iterable[str]) -> None:
    """Insert a step, which all ``services`` have to do."""
    connection.execute(sa.insert(tables.merge_steps).values(step))
    rows = [{"step_id": step["step_id"], "service": service} for service in services]
    connection.execute(sa.insert(tables.merge_progress), rows)


def steps_before(connection: sa.Connection, member_ids: Sequence[UUID]) -> list[UUID]:
    """Return the last steps that locked members took part in."""
    merges, steps = tables.merges, tables.merge_steps
    parts = [
        sa.select(column.label("member_id"), steps.c.step_id)
        .join_from(merges, steps, steps.c.merge_id == merges.c.merge_id)
        .where(column.in_(member_ids))
        for column in (merges.c.source_member_id, merges.c.survivor_member_id)
    ]
    each = sa.union_all(*parts).subquery()
    last = (
        sa.select(each.c.step_id)
        .ext(distinct_on(each.c.member_id))
        .order_by(each.c.member_id, each.c.step_id.desc())
    )
    return sorted(set(connection.execute(last).scalars()))


def last_step(connection: sa.Connection, merge_id: UUID) -> Row:
    """Return a merge's newest step."""
    table = tables.merge_steps
    mine = sa.select(table).where(table.c.merge_id == merge_id).order_by(table.c.step_id.desc())
    return connection.execute(mine.limit(1)).one()


def is_pending(connection: sa.Connection, step_id: UUID) -> bool:
    """Return whether a service has not confirmed a step yet."""
    table = tables.merge_progress
    waits = sa.exists().where(table.c.step_id == step_id, table.c.done_at.is_(None))
    return bool(connection.execute(sa.select(waits)).scalar_one())


def confirm(connection: sa.Connection, step_id: UUID, service: str, at: datetime) -> None:
    """Note that a service has done a step; the first word counts."""
    table = tables.merge_progress
    mine = sa.update(table).where(
        table.c.step_id == step_id, table.c.service == service, table.c.done_at.is_(None)
    )
    connection.execute(mine.values(done_at=at))


def give_identifiers(
    connection: sa.Connection, rows: Iterable[Row], *, owner: UUID, keys: tuple[DataKey, DataKey]
) -> list[Key]:
    """Give identifiers to another member, sealed anew, and return their keys.

    ``keys`` are the data keys of who has them and of who gets them.
    """
    table, given = tables.identifiers, []
    for row in rows:
        key = (row.kind, row.system, bytes(row.digest))
        values: dict[str, Any] = {
            "member_id": owner,
            "value": reseal_identifier(*keys, row.kind, row.value),
        }
        if row.blocked_because is not None:
            reason = open_reason(keys[0], row.blocked_because)
            values["blocked_because"] = seal_reason(keys[1], reason)
        mine = sa.tuple_(table.c.kind, table.c.system, table.c.digest) == key
        connection.execute(sa.update(table).where(mine).values(values))
        given.append(key)
    return given


def movable_identifiers(connection: sa.Connection, source_id: UUID, survivor_id: UUID) -> list[Row]:
    """Return which identifiers of the source the survivor of a merge can have.

    One has one phone and one e-mail address. Those that the survivor has no place for stay with
    the source, and whoever is looked up by them is the survivor.
    """
    table = tables.identifiers
    rows = connection.execute(
        sa.select(table).where(table.c.member_id.in_([source_id, survivor_id])).with_for_update()
    ).all()
    taken = {row.kind for row in rows if row.member_id == survivor_id}
    single = {domain.PHONE} | ({domain.EMAIL} & taken)
    return [row for row in rows if row.member_id == source_id and row.kind not in single]


def identifiers_by_key(
    connection: sa.Connection, member_id: UUID, wanted: Iterable[Key]
) -> Sequence[Row]:
    """Return which of some identifiers are the member's still."""
    table = tables.identifiers
    keys = sa.tuple_(table.c.kind, table.c.system, table.c.digest)
    mine = sa.select(table).where(table.c.member_id == member_id, keys.in_(list(wanted)))
    return connection.execute(mine.with_for_update()).all()
