"""Reads: explicit columns, keyset paging, plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.identity import tables
from shared.db import Snapshot
from shared.errors import NotFound

HAS_SECOND_FACTOR = (
    sa.exists()
    .where(
        tables.staff_totp.c.staff_id == tables.staff.c.staff_id,
        tables.staff_totp.c.confirmed_at.is_not(None),
    )
    .correlate(tables.staff)
    .label("second_factor")
)
_STAFF = [
    *(tables.staff.c[name] for name in ("staff_id", "username", "roles", "active", "created_at")),
    HAS_SECOND_FACTOR,
]
_MACHINE = [tables.credentials.c[name] for name in ("client_id", "role", "active", "created_at")]
_TERMINALS = sa.select(
    tables.terminals.c.terminal_id, tables.terminals.c.store_id, *_MACHINE
).join_from(tables.terminals, tables.credentials)
_CLIENTS = sa.select(tables.clients.c.name, *_MACHINE).join_from(tables.clients, tables.credentials)


# --- signing in -----------------------------------------------------------------------------


def password_hash_of(connection: sa.Connection, username: str) -> str | None:
    """Return the password hash of an active staff member."""
    staff = tables.staff.c
    found: str | None = connection.execute(
        sa.select(staff.password_hash).where(staff.username == username, staff.active)
    ).scalar()
    return found


def staff_id_of(connection: sa.Connection, username: str) -> UUID | None:
    """Return who has this username."""
    staff = tables.staff.c
    found: UUID | None = connection.execute(
        sa.select(staff.staff_id).where(staff.username == username)
    ).scalar()
    return found


def roles_of(connection: sa.Connection, staff_id: UUID) -> list[str] | None:
    """Return the roles of an active staff member."""
    staff = tables.staff.c
    found: list[str] | None = connection.execute(
        sa.select(staff.roles).where(staff.staff_id == staff_id, staff.active)
    ).scalar()
    return found


def machine_of(connection: sa.Connection, client_id: str) -> sa.RowMapping | None:
    """Return a machine's secrets and what it is, unless it or its store is switched off."""
    credentials, terminals, stores = tables.credentials, tables.terminals, tables.stores
    found = (
        sa.select(
            credentials.c.role,
            credentials.c.secret_digest,
            credentials.c.previous_digest,
            credentials.c.previous_valid_until,
            terminals.c.terminal_id,
            terminals.c.store_id,
        )
        .select_from(credentials.outerjoin(terminals).outerjoin(stores))
        .where(
            credentials.c.client_id == client_id,
            credentials.c.active,
            sa.func.coalesce(stores.c.active, True),
        )
    )
    return connection.execute(found).mappings().one_or_none()


# --- by id ----------------------------------------------------------------------------------


def staff_member(snapshot: Snapshot, *, staff_id: UUID) -> Mapping[str, Any]:
    """Return a staff member; raises `NotFound`."""
    return _one(snapshot, sa.select(*_STAFF).where(tables.staff.c.staff_id == staff_id))


def store(snapshot: Snapshot, *, store_id: str) -> Mapping[str, Any]:
    """Return a store; raises `NotFound`."""
    return _one(snapshot, sa.select(tables.stores).where(tables.stores.c.store_id == store_id))


def terminal(snapshot: Snapshot, *, terminal_id: str) -> Mapping[str, Any]:
    """Return a terminal; raises `NotFound`."""
    return _one(snapshot, _TERMINALS.where(tables.terminals.c.terminal_id == terminal_id))


def client(snapshot: Snapshot, *, client_id: str) -> Mapping[str, Any]:
    """Return a client; raises `NotFound`."""
    return _one(snapshot, _CLIENTS.where(tables.clients.c.client_id == client_id))


def _one(snapshot: Snapshot, statement: sa.Select[Any]) -> Mapping[str, Any]:
    row = snapshot.connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise NotFound
    return dict(row)


# --- lists ----------------------------------------------------------------------------------


def list_staff(
    snapshot: Snapshot, *, limit: int, after: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """Return staff in the order they came."""
    return _page(snapshot, sa.select(*_STAFF), tables.staff.c.staff_id, limit, after)


def list_stores(
    snapshot: Snapshot, *, limit: int, after: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """Return stores by id."""
    return _page(snapshot, sa.select(tables.stores), tables.stores.c.store_id, limit, after)


def list_terminals(
    snapshot: Snapshot, *, limit: int, after: Mapping[str, Any] | None, store_id: str | None
) -> Mapping[str, Any]:
    """Return terminals by id, of one store if given."""
    wanted = _TERMINALS
    if store_id is not None:
        wanted = wanted.where(tables.terminals.c.store_id == store_id)
    return _page(snapshot, wanted, tables.terminals.c.terminal_id, limit, after)


def list_clients(
    snapshot: Snapshot, *, limit: int, after: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """Return clients in the order they came."""
    return _page(snapshot, _CLIENTS, tables.clients.c.client_id, limit, after)


def _page(
    snapshot: Snapshot,
    statement: sa.Select[Any],
    key: sa.Column[Any],
    limit: int,
    after: Mapping[str, Any] | None,
) -> Mapping[str, Any]:
    if after is not None:
        statement = statement.where(key > after[key.name])
    rows: Sequence[sa.RowMapping] = (
        snapshot.connection.execute(statement.order_by(key).limit(limit + 1)).mappings().all()
    )
    items = [dict(row) for row in rows[:limit]]
    more = len(rows) > limit
    return {"items": items, "next": {key.name: str(items[-1][key.name])} if more else None}
