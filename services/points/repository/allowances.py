"""Offline allowances and the keys that sign them (S5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.points import tables
from services.points.domain.allowances import Allowance

_COLUMNS = [tables.offline_allowances.c[name] for name in Allowance.__dataclass_fields__]
_UUIDS = sa.dialects.postgresql.ARRAY(sa.Uuid(as_uuid=True))


def of_member(connection: sa.Connection, member_id: UUID, since: datetime) -> list[Allowance]:
    """Return what has been promised about a member and has not ended, or was valid at ``since``."""
    table = tables.offline_allowances
    statement = sa.select(*_COLUMNS).where(
        table.c.member_id == member_id,
        sa.or_(table.c.valid_until >= since, table.c.ended_at.is_(None)),
    )
    return [Allowance(*row) for row in connection.execute(statement)]


def by_id(connection: sa.Connection, ids: Collection[UUID]) -> dict[UUID, Allowance]:
    """Return allowances by their ids."""
    if not ids:
        return {}
    table = tables.offline_allowances
    statement = sa.select(*_COLUMNS).where(
        table.c.allowance_id == sa.any_(sa.literal(list(ids), _UUIDS))
    )
    return {row.allowance_id: Allowance(*row) for row in connection.execute(statement)}


def hand_over(connection: sa.Connection, giver_id: UUID, taker_id: UUID, merge_id: UUID) -> None:
    """Let what tills were promised about one member hold for who it has become (M3)."""
    table = tables.offline_allowances
    open_ = sa.update(table).where(table.c.member_id == giver_id, table.c.ended_at.is_(None))
    way = sa.func.array_append(table.c.merge_ids, merge_id)
    connection.execute(open_.values(member_id=taker_id, merge_ids=way))


def hand_back(connection: sa.Connection, giver_id: UUID, taker_id: UUID, merge_id: UUID) -> None:
    """Let what came with a merge hold for whom it was promised about; tills report late (S5)."""
    table = tables.offline_allowances
    length = sa.func.cardinality(table.c.merge_ids)
    came = sa.update(table).where(
        table.c.member_id == giver_id, table.c.merge_ids[length] == merge_id
    )
    way = sa.func.trim_array(table.c.merge_ids, 1)
    connection.execute(came.values(member_id=taker_id, merge_ids=way))


def add(connection: sa.Connection, allowance: Allowance) -> None:
    """Insert a new promise."""
    values = {name: getattr(allowance, name) for name in Allowance.__dataclass_fields__}
    connection.execute(sa.insert(tables.offline_allowances).values(values))


def change(connection: sa.Connection, allowance_id: UUID, **values: Any) -> None:
    """Change a promise whose member's account is locked."""
    table = tables.offline_allowances
    connection.execute(sa.update(table).where(table.c.allowance_id == allowance_id).values(values))


def keys(connection: sa.Connection) -> list[Any]:
    """Return the key pairs, the newest first."""
    table = tables.allowance_keys
    return list(connection.execute(sa.select(table).order_by(table.c.created_at.desc())))


def add_key(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Insert a key pair."""
    connection.execute(sa.insert(tables.allowance_keys).values(row))


def lock_keys(connection: sa.Connection) -> None:
    """Let one transaction at a time make a key."""
    connection.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended('allowance_keys', 0))")
    )
