"""Stores, their terminals, and shop clients."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from services.identity import queries, repository, tables
from services.identity.vault import Vault, new_secret
from shared.audit import difference
from shared.contracts.event import EventType
from shared.contracts.identity import events
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.errors.identity import (
    CredentialsInactive,
    StoreExists,
    TerminalExists,
    UnknownStore,
)
from shared.ids import new_id

# --- stores ---------------------------------------------------------------------------------


def create_store(uow: UnitOfWork, *, store_id: str, name: str, time_zone: str) -> Mapping[str, Any]:
    """Open a store; raises `StoreExists`."""
    row = repository.insert_unless_known(
        uow.connection,
        tables.stores,
        {
            "store_id": store_id,
            "name": name,
            "time_zone": time_zone,
            "active": True,
            "created_at": uow.now,
        },
    )
    if row is None:
        raise StoreExists
    _tell(uow, events.STORE_OPENED, row)
    uow.audit("store.create", ("store", store_id), after=_facts(row))
    return row


def update_store(uow: UnitOfWork, *, store_id: str, **changes: Any) -> Mapping[str, Any]:
    """Rename, move or close a store; terminals of a closed one get no tokens."""
    before = repository.change(uow.connection, tables.stores, store_id, {})  # locks it
    row = repository.change(uow.connection, tables.stores, store_id, changes)
    if before is None or row is None:
        raise NotFound
    if changes:
        _tell(uow, events.STORE_CHANGED, row)
        was, now = difference(_facts(before), _facts(row))
        uow.audit("store.update", ("store", store_id), before=was, after=now)
    return row


def _facts(store: Mapping[str, Any]) -> dict[str, Any]:
    return {name: store[name] for name in ("name", "time_zone", "active")}


def _tell(uow: UnitOfWork, event: EventType, store: Mapping[str, Any]) -> None:
    uow.emit(event, subject=store["store_id"], data=store)


# --- terminals ------------------------------------------------------------------------------


def create_terminal(
    uow: UnitOfWork, *, vault: Vault, terminal_id: str, store_id: str
) -> Mapping[str, Any]:
    """Set up a terminal; the answer is the only one to hold its ``client_secret`` (I2).

    Raises:
        UnknownStore: it would stand nowhere.
        TerminalExists: the id is taken, also by one that was switched off.
    """
    _require_store(uow, store_id)
    created = _new_credentials(uow, vault, "terminal")
    row = repository.insert_unless_known(
        uow.connection,
        tables.terminals,
        {"terminal_id": terminal_id, "store_id": store_id, "client_id": created["client_id"]},
    )
    if row is None:
        raise TerminalExists
    uow.audit("terminal.create", ("terminal", terminal_id), after={"store_id": store_id})
    return {**created, **row}


def update_terminal(
    uow: UnitOfWork,
    *,
    terminal_id: str,
    store_id: str | None = None,
    active: bool | None = None,
) -> Mapping[str, Any]:
    """Move a terminal or switch it off or on.

    Raises:
        NotFound: there is no such terminal.
        UnknownStore: there is no such store.
    """
    terminal = queries.terminal(uow, terminal_id=terminal_id)
    if store_id is not None:
        _require_store(uow, store_id)
        repository.change(uow.connection, tables.terminals, terminal_id, {"store_id": store_id})
    if active is not None:
        _switch(uow, terminal["client_id"], active)
    changed = queries.terminal(uow, terminal_id=terminal_id)
    was, now = difference(terminal, changed)
    uow.audit("terminal.update", ("terminal", terminal_id), before=was, after=now)
    return changed


def rotate_terminal(
    uow: UnitOfWork, *, vault: Vault, terminal_id: str, overlap_s: int
) -> Mapping[str, Any]:
    """Give a terminal a new secret; see `_rotate`."""
    terminal = queries.terminal(uow, terminal_id=terminal_id)
    rotated = _rotate(uow, vault, terminal["client_id"], overlap_s)
    overlap = {"previous_valid_until": rotated["previous_valid_until"]}
    uow.audit("terminal.rotate", ("terminal", terminal_id), after=overlap)
    return rotated


def _require_store(uow: UnitOfWork, store_id: str) -> None:
    try:
        queries.store(uow, store_id=store_id)
    except NotFound:
        raise UnknownStore from None


# --- shop clients ---------------------------------------------------------------------------


def create_client(uow: UnitOfWork, *, vault: Vault, name: str, role: str) -> Mapping[str, Any]:
    """Let a program in; the answer is the only one to hold its ``client_secret`` (I2)."""
    created = _new_credentials(uow, vault, role)
    repository.insert_unless_known(
        uow.connection, tables.clients, {"client_id": created["client_id"], "name": name}
    )
    uow.audit("client.create", ("client", created["client_id"]), after={"name": name, "role": role})
    return {**created, "name": name}


def update_client(
    uow: UnitOfWork, *, client_id: str, name: str | None = None, active: bool | None = None
) -> Mapping[str, Any]:
    """Rename a client or switch it off or on; raises `NotFound`."""
    before = queries.client(uow, client_id=client_id)
    if name is not None:
        repository.change(uow.connection, tables.clients, client_id, {"name": name})
    if active is not None:
        _switch(uow, client_id, active)
    changed = queries.client(uow, client_id=client_id)
    was, now = difference(before, changed)
    uow.audit("client.update", ("client", client_id), before=was, after=now)
    return changed


def rotate_client(
    uow: UnitOfWork, *, vault: Vault, client_id: str, overlap_s: int
) -> Mapping[str, Any]:
    """Give a client a new secret; see `_rotate`."""
    queries.client(uow, client_id=client_id)
    rotated = _rotate(uow, vault, client_id, overlap_s)
    overlap = {"previous_valid_until": rotated["previous_valid_until"]}
    uow.audit("client.rotate", ("client", client_id), after=overlap)
    return rotated


# --- secrets --------------------------------------------------------------------------------


def _new_credentials(uow: UnitOfWork, vault: Vault, role: str) -> dict[str, Any]:
    client_id, secret = str(new_id()), new_secret("lcs")
    row = repository.insert_unless_known(
        uow.connection,
        tables.credentials,
        {
            "client_id": client_id,
            "role": role,
            "active": True,
            "secret_digest": vault.client_secret_digest(client_id, secret),
            "created_at": uow.now,
        },
    )
    return {**(row or {}), "client_secret": secret}


def _rotate(uow: UnitOfWork, vault: Vault, client_id: str, overlap_s: int) -> Mapping[str, Any]:
    """Replace a secret; the one before works for ``overlap_s`` more, older ones no longer (I2).

    Raises:
        CredentialsInactive: the machine is switched off.
    """
    present = repository.lock_credentials(uow.connection, client_id)
    if not present["active"]:
        raise CredentialsInactive
    secret = new_secret("lcs")
    until = uow.now + timedelta(seconds=overlap_s)
    repository.change(
        uow.connection,
        tables.credentials,
        client_id,
        {
            "secret_digest": vault.client_secret_digest(client_id, secret),
            "previous_digest": present["secret_digest"],
            "previous_valid_until": until,
        },
    )
    return {
        "client_id": client_id,
        "client_secret": secret,
        "previous_valid_until": until,
    }


def _switch(uow: UnitOfWork, client_id: str, active: bool) -> None:
    repository.change(uow.connection, tables.credentials, client_id, {"active": active})
