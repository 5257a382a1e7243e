"""Staff: who works with the platform and may do what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.identity import domain, queries, repository, tables
from services.identity.vault import Vault
from shared.audit import difference
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.errors.identity import LastAdmin, UsernameTaken
from shared.ids import new_id


def create_staff(
    uow: UnitOfWork, *, username: str, password_hash: str, roles: Sequence[str]
) -> Mapping[str, Any]:
    """Let somebody in; raises `UsernameTaken`."""
    row = repository.insert_unless_known(
        uow.connection,
        tables.staff,
        {
            "staff_id": new_id(),
            "username": username.lower(),
            "password_hash": password_hash,
            "roles": sorted(set(roles)),
            "active": True,
            "created_at": uow.now,
        },
    )
    if row is None:
        raise UsernameTaken
    uow.audit("staff.create", ("staff", row["staff_id"]), after=_rights(row))
    return {**row, "second_factor": False}


def create_first_admin(uow: UnitOfWork, *, username: str, password_hash: str) -> bool:
    """Create the admin if there is no staff at all; return whether it did."""
    repository.lock_name(uow.connection, "staff")
    if repository.is_any_staff(uow.connection):
        return False
    create_staff(uow, username=username, password_hash=password_hash, roles=["admin"])
    return True


def is_any_staff(uow: UnitOfWork) -> bool:
    """Return whether anybody works here yet."""
    return repository.is_any_staff(uow.connection)


def update_staff(
    uow: UnitOfWork,
    *,
    vault: Vault,
    staff_id: UUID,
    password_hash: str | None = None,
    **changes: Any,
) -> Mapping[str, Any]:
    """Change roles, password or access; a new password or no access ends all sessions.

    Raises:
        NotFound: there is no such person.
        LastAdmin: nobody would be left to manage staff.
    """
    # One change at a time: two admins who remove each other must not both succeed.
    repository.lock_name(uow.connection, "staff")
    before = repository.lock_staff(uow.connection, staff_id)
    if before is None:
        raise NotFound
    if "roles" in changes:
        changes["roles"] = sorted(set(changes["roles"]))
    after = {**before, **changes}
    if domain.leaves_no_admin(
        was_admin=before["active"] and "admin" in before["roles"],
        roles=after["roles"],
        active=after["active"],
        other_admins=repository.count_other_admins(uow.connection, staff_id),
    ):
        raise LastAdmin
    if password_hash is not None:
        changes["password_hash"] = password_hash
        digest = vault.username_digest(before["username"])
        repository.forget_attempts(uow.connection, digest)
    if password_hash is not None or not after["active"]:
        because = "password_changed" if after["active"] else "deactivated"
        repository.revoke_families_of(uow.connection, staff_id, because=because, now=uow.now)
    changed = repository.change(uow.connection, tables.staff, staff_id, changes) or before
    was, now = difference(_rights(before), _rights(changed))
    if password_hash is not None:
        now["changed"] = ["password"]
    uow.audit("staff.update", ("staff", staff_id), before=was, after=now)
    return queries.staff_member(uow, staff_id=staff_id)


def _rights(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the audit trail says of a person: neither name nor password."""
    return {"roles": row["roles"], "active": row["active"]}
