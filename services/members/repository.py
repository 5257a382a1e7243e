"""Writes of the members service."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.members import tables
from services.members.domain import Identifier
from services.members.vault import Vault, seal_identifier
from shared.errors import Busy
from shared.security.crypto import DataKey

_FIRST_HANDLE = 10**11
_HANDLES = 9 * 10**11
_HANDLE_TRIES = 10


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


def add_standing(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Append to the history of an account's standing."""
    connection.execute(sa.insert(tables.standing_changes).values(row))


def add_consents(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Append to the consent history (M5)."""
    if rows:
        connection.execute(sa.insert(tables.consents), rows)


# --- households: their member's row is locked before theirs, always ---------------------------


def add_household(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Insert a household nobody belongs to yet."""
    connection.execute(sa.insert(tables.households).values(row))


def lock_household(connection: sa.Connection, household_id: UUID) -> sa.Row[Any] | None:
    """Return a household that is not closed, locked until the end."""
    table = tables.households
    wanted = sa.select(table).where(
        table.c.household_id == household_id, table.c.closed_at.is_(None)
    )
    return connection.execute(wanted.with_for_update()).one_or_none()


def change_household(
    connection: sa.Connection, household_id: UUID, values: Mapping[str, Any]
) -> None:
    """Update columns of a locked household."""
    table = tables.households
    mine = table.c.household_id == household_id
    connection.execute(sa.update(table).where(mine).values(values))


def household_of(connection: sa.Connection, member_id: UUID) -> UUID | None:
    """Return which household a member belongs to."""
    table = tables.household_members
    mine = sa.select(table.c.household_id).where(table.c.member_id == member_id)
    found: UUID | None = connection.execute(mine).scalar()
    return found


def members_of_household(connection: sa.Connection, household_id: UUID) -> dict[UUID, str]:
    """Return the role of each who belongs to a locked household, in the order they came."""
    table = tables.household_members
    theirs = sa.select(table.c.member_id, table.c.role).where(table.c.household_id == household_id)
    rows = connection.execute(theirs.order_by(table.c.joined_at, table.c.member_id))
    return {row.member_id: row.role for row in rows}


def add_to_household(connection: sa.Connection, row: Mapping[str, Any]) -> bool:
    """Let a member belong to a household; False when it belongs to one already."""
    added = insert(tables.household_members).values(row).on_conflict_do_nothing()
    return bool(connection.execute(added).rowcount)


def set_household_role(connection: sa.Connection, member_id: UUID, role: str) -> None:
    """Give somebody who belongs to a locked household another role."""
    table = tables.household_members
    mine = table.c.member_id == member_id
    connection.execute(sa.update(table).where(mine).values(role=role))


def drop_from_household(connection: sa.Connection, member_id: UUID) -> None:
    """Let a member belong to no household."""
    table = tables.household_members
    connection.execute(sa.delete(table).where(table.c.member_id == member_id))


def invite_to_household(
    connection: sa.Connection, household_id: UUID, member_id: UUID, expires_at: datetime
) -> None:
    """Ask somebody to join a locked household, or ask again."""
    row = {"household_id": household_id, "member_id": member_id, "expires_at": expires_at}
    asked = insert(tables.household_invitations).values(row)
    key = [tables.household_invitations.c.household_id, tables.household_invitations.c.member_id]
    connection.execute(
        asked.on_conflict_do_update(index_elements=key, set_={"expires_at": expires_at})
    )


def open_invitations(connection: sa.Connection, household_id: UUID, now: datetime) -> set[UUID]:
    """Return who is asked to join a locked household; forgets those who did not answer."""
    table = tables.household_invitations
    theirs = table.c.household_id == household_id
    connection.execute(sa.delete(table).where(theirs, table.c.expires_at <= now))
    return set(connection.execute(sa.select(table.c.member_id).where(theirs)).scalars())


def drop_invitations(
    connection: sa.Connection, household_id: UUID, member_id: UUID | None = None
) -> bool:
    """Take back an invitation, or all of a household's; return whether there was any."""
    table = tables.household_invitations
    which = [table.c.household_id == household_id]
    if member_id is not None:
        which.append(table.c.member_id == member_id)
    return bool(connection.execute(sa.delete(table).where(*which)).rowcount)
