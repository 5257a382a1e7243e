"""Members' rows, what they consented to, and how their accounts stood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.members import tables


def add_member(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Insert a member."""
    connection.execute(sa.insert(tables.members).values(row))


def lock_member(connection: sa.Connection, member_id: UUID) -> sa.Row[Any] | None:
    """Return the member's row, locked until the transaction ends, unless there is none."""
    statement = sa.select(tables.members).where(tables.members.c.member_id == member_id)
    return connection.execute(statement.with_for_update()).one_or_none()


def change_member(connection: sa.Connection, member_id: UUID, values: Mapping[str, Any]) -> None:
    """Update columns of a locked member."""
    mine = tables.members.c.member_id == member_id
    connection.execute(sa.update(tables.members).where(mine).values(values))


def lock_data_keys(
    connection: sa.Connection, *, after: UUID | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Return the wrapped keys of some members in the order of their ids, locked."""
    table = tables.members
    statement: sa.Select[Any] = sa.select(table.c.member_id, table.c.data_key)
    statement = statement.where(table.c.data_key.is_not(None))
    if after is not None:
        statement = statement.where(table.c.member_id > after)
    ordered = statement.order_by(table.c.member_id).limit(limit)
    return connection.execute(ordered.with_for_update()).all()


def add_standing(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Append to the history of an account's standing."""
    connection.execute(sa.insert(tables.standing_changes).values(row))


def add_consents(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Append to the consent history (M5)."""
    if rows:
        connection.execute(sa.insert(tables.consents), rows)
