"""What members are recognised by: one owner at a time (M1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.members import tables
from services.members.domain import Identifier
from services.members.vault import Vault, seal_identifier
from shared.security.crypto import DataKey


def take_identifiers(
    connection: sa.Connection,
    wanted: Iterable[Identifier],
    *,
    owner: UUID,
    keys: tuple[Vault, DataKey],
    now: datetime,
) -> list[Identifier]:
    """Give identifiers to ``owner``; return those that have an owner already (M1).

    An enrolment running at the same time is waited for on the unique index. Rows go in sorted, so
    that two enrolments with the same identifiers never wait for each other.
    """
    vault, data_key = keys
    by_key = {(each.kind, each.system, vault.digest(each)): each for each in wanted}
    rows = [
        {
            "kind": kind,
            "system": system,
            "digest": digest,
            "member_id": owner,
            "value": seal_identifier(data_key, by_key[kind, system, digest]),
            "added_at": now,
        }
        for kind, system, digest in sorted(by_key)
    ]
    if not rows:
        return []
    table = tables.identifiers
    statement = (
        insert(table)
        .values(rows)
        .on_conflict_do_nothing(index_elements=[table.c.kind, table.c.system, table.c.digest])
        .returning(table.c.kind, table.c.system, table.c.digest)
    )
    got = {(kind, system, bytes(digest)) for kind, system, digest in connection.execute(statement)}
    return [each for key, each in by_key.items() if key not in got]


def drop_identifiers(connection: sa.Connection, member_id: UUID, kind: str) -> None:
    """Free the member's identifiers of one kind."""
    table = tables.identifiers
    connection.execute(sa.delete(table).where(table.c.member_id == member_id, table.c.kind == kind))


def identifiers_of(connection: sa.Connection, member_id: UUID, kind: str) -> Sequence[sa.Row[Any]]:
    """Return the member's identifiers of one kind, blocked ones included."""
    table = tables.identifiers
    mine = sa.select(table).where(table.c.member_id == member_id, table.c.kind == kind)
    return connection.execute(mine).all()


def identifier(
    connection: sa.Connection, wanted: Identifier, *, vault: Vault
) -> sa.Row[Any] | None:
    """Return an identifier's row, locked, whoever owns it."""
    statement = sa.select(tables.identifiers).where(_is(wanted, vault))
    return connection.execute(statement.with_for_update()).one_or_none()


def drop_identifier(
    connection: sa.Connection, member_id: UUID, unwanted: Identifier, *, vault: Vault
) -> bool:
    """Free one of the member's identifiers; return False if it is not the member's."""
    table = tables.identifiers
    mine = sa.delete(table).where(_is(unwanted, vault), table.c.member_id == member_id)
    return bool(connection.execute(mine).rowcount)


def block(
    connection: sa.Connection, card: Identifier, *, vault: Vault, because: bytes, now: datetime
) -> None:
    """Let nobody be recognised by a card any more; ``because`` is sealed."""
    blocked = sa.update(tables.identifiers).where(_is(card, vault))
    connection.execute(blocked.values(blocked_at=now, blocked_because=because))


def _is(wanted: Identifier, vault: Vault) -> sa.ColumnElement[bool]:
    column = tables.identifiers.c
    return sa.and_(
        column.kind == wanted.kind,
        column.system == wanted.system,
        column.digest == vault.digest(wanted),
    )
