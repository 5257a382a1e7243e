"""Following a new master key (M4)."""

from __future__ import annotations

from uuid import UUID

from services.members import repository
from services.members.vault import CODE_KEYS, Vault
from shared.db import UnitOfWork

SLICE = 500


def rewrap(uow: UnitOfWork, *, vault: Vault, after: UUID | None) -> UUID | None:
    """Wrap a slice of the members' data keys by the present master key, and those of codes.

    Returns the last member seen, to go on after, or None when none was left. Values sealed by a
    data key stay as they are. May be repeated and stopped at any time.
    """
    if after is None:
        CODE_KEYS.reseal(uow, vault.master)
    rows = repository.lock_data_keys(uow.connection, after=after, limit=SLICE)
    for row in rows:
        wrapped = vault.master.rewrapped(bytes(row.data_key))
        if wrapped is not None:
            repository.change_member(uow.connection, row.member_id, {"data_key": wrapped})
    return rows[-1].member_id if rows else None
