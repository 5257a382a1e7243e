"""Rotating codes: whose they are, and what they were used for (M2)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.members import tables
from shared.errors import Busy

_FIRST_HANDLE = 10**11
_HANDLES = 9 * 10**11
_HANDLE_TRIES = 10


def give_handle(connection: sa.Connection, member_id: UUID) -> int:
    """Give a locked member the twelve digits its barcodes begin with, and return them.

    Raises:
        Busy: again and again somebody else has them, which is next to impossible.
    """
    table = tables.members
    for _ in range(_HANDLE_TRIES):
        handle = _FIRST_HANDLE + secrets.randbelow(_HANDLES)
        try:
            with connection.begin_nested():
                mine = sa.update(table).where(table.c.member_id == member_id)
                connection.execute(mine.values(code_handle=handle))
        except sa.exc.IntegrityError:
            continue
        return handle
    raise Busy


def is_known_use(
    connection: sa.Connection, member_id: UUID, step: int, use: Mapping[str, Any]
) -> bool:
    """Return whether a code of this step was used for this before."""
    table = tables.code_uses
    same = (table.c.member_id == member_id, table.c.step == step, table.c.use_id == use["use_id"])
    alike = table.c.spends if use["spends"] else sa.true()
    known = sa.select(sa.exists().where(*same, alike))
    return bool(connection.execute(known).scalar_one())


def note_use(
    connection: sa.Connection, member_id: UUID, step: int, use: Mapping[str, Any], now: datetime
) -> bool:
    """Note a use of a code; return False if it would spend and another one has (M2).

    One that runs at the same time is waited for on the unique index.
    """
    row = {"member_id": member_id, "step": step, "use_id": use["use_id"], "spends": use["spends"]}
    new = insert(tables.code_uses).values(**row, used_at=now).on_conflict_do_nothing()
    if connection.execute(new).rowcount:
        return True
    return is_known_use(connection, member_id, step, use)


def delete_uses(connection: sa.Connection, *, before: datetime, limit: int = 1_000) -> int:
    """Delete at most ``limit`` uses from before an instant; return how many."""
    table = tables.code_uses
    key = table.primary_key.columns.values()
    old = sa.select(*key).where(table.c.used_at < before).limit(limit)
    return connection.execute(sa.delete(table).where(sa.tuple_(*key).in_(old))).rowcount
