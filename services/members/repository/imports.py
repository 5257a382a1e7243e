"""Many members at once, set by set (A9)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.members import tables
from shared.errors import Busy

Key = tuple[str, str, bytes]
"""Kind, system and digest of an identifier."""


def imported(connection: sa.Connection, row_keys: Collection[bytes]) -> dict[bytes, bytes]:
    """Return what rows said that were imported before, by their keys."""
    table = tables.imported_rows
    known = sa.select(table.c.row_key, table.c.content).where(table.c.row_key.in_(row_keys))
    return {bytes(key): bytes(content) for key, content in connection.execute(known)}


def owned(connection: sa.Connection, keys: Collection[Key]) -> set[Key]:
    """Return which of some identifiers have an owner."""
    table = tables.identifiers
    columns = (table.c.kind, table.c.system, table.c.digest)
    found = sa.select(*columns).where(sa.tuple_(*columns).in_(sorted(keys)))
    return {(kind, system, bytes(digest)) for kind, system, digest in connection.execute(found)}


def add_members(
    connection: sa.Connection,
    members: Sequence[Mapping[str, Any]],
    identifiers: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Insert new members with all that is theirs.

    Raises:
        Busy: somebody has enrolled with one of the identifiers since they were looked for; the
            next attempt sees that.
    """
    if not members:
        return
    connection.execute(sa.insert(tables.members), list(members))
    keys = ("kind", "system", "digest")
    taken = sorted(identifiers, key=lambda row: tuple(row[name] for name in keys))
    new = insert(tables.identifiers).on_conflict_do_nothing(index_elements=keys)
    returning = new.returning(tables.identifiers.c.digest)
    if len(connection.execute(returning, taken).all()) != len(taken):
        raise Busy
    connection.execute(sa.insert(tables.imported_rows), list(rows))
