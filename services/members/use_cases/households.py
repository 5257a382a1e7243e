"""Households (L10): nobody is put into one without having agreed.

Owner and invited agree by two calls of one route: the owner names somebody, who is thereby asked,
and that member names itself, and thereby joins. Staff may add a member who has said so to them.
Whatever is asked of a household the caller does not belong to, the answer is that there is none,
and an invitation says nothing about whether there is such a member.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.members import queries, repository
from services.members.use_cases import common
from services.members.vault import Vault, seal_household_name
from shared.contracts.members import events
from shared.contracts.members.households import INVITATION_DAYS, MAX_INVITATIONS, MAX_MEMBERS
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.errors.members import (
    AlreadyInHousehold,
    HouseholdFull,
    HouseholdOwnersOnly,
    HouseholdOwnerStays,
)
from shared.ids import new_id

OWNER, MEMBER = "owner", "member"


def create_household(
    uow: UnitOfWork, *, vault: Vault, name: str, owner_member_id: UUID
) -> dict[str, Any]:
    """Found a household; a member founds its own.

    Raises:
        NotFound: no such member, or a member names another one.
        AlreadyInHousehold: the owner belongs to one.
        MemberClosed, MemberFrozen: the account may not change.
    """
    if not (_is_staff(uow) or _is(uow, owner_member_id)):
        raise NotFound
    common.locked_for_change(uow, owner_member_id)
    household_id = new_id()
    row = {
        "household_id": household_id,
        "name": seal_household_name(vault.master, household_id, name),
        "created_at": uow.now,
    }
    repository.add_household(uow.connection, row)
    _add(uow, household_id, owner_member_id, OWNER)
    return _told(uow, vault, household_id, joined=[owner_member_id])


def update_household(
    uow: UnitOfWork, *, vault: Vault, household_id: UUID, **changes: Any
) -> dict[str, Any]:
    """Rename a household, or pass it on to another who belongs to it.

    Raises:
        NotFound: no such household of the caller's, or the new owner does not belong to it.
        HouseholdOwnersOnly: the caller belongs to it and does not own it.
    """
    roles = _locked(uow, household_id)
    _check_owner(uow, roles)
    if "name" in changes:
        name = seal_household_name(vault.master, household_id, changes["name"])
        repository.change_household(uow.connection, household_id, {"name": name})
    owner_id = changes.get("owner_member_id")
    if owner_id is None or roles.get(owner_id) == OWNER:
        return queries.household(uow, vault=vault, household_id=household_id)
    if owner_id not in roles:
        raise NotFound
    _pass_on(uow, roles, owner_id)
    return _told(uow, vault, household_id)


def join_household(
    uow: UnitOfWork, *, vault: Vault, household_id: UUID, member_id: UUID
) -> dict[str, Any]:
    """Ask somebody to join, as its owner; join, as whoever was asked; add somebody, as staff.

    Raises:
        NotFound: no such household or member, or the caller was not asked.
        HouseholdOwnersOnly: the caller belongs to it and names somebody else.
        AlreadyInHousehold: the member belongs to another one.
        HouseholdFull: the household has as many members, or invitations, as it may.
        MemberClosed, MemberFrozen: the account may not change.
    """
    if _is_staff(uow) or _is(uow, member_id):
        return _join(uow, vault, household_id, member_id)
    roles = _locked(uow, household_id)
    _check_owner(uow, roles)
    if member_id in roles:
        return queries.household(uow, vault=vault, household_id=household_id)
    asked = repository.open_invitations(uow.connection, household_id, uow.now)
    if len(asked - {member_id}) >= MAX_INVITATIONS:
        raise HouseholdFull
    until = uow.now + timedelta(days=INVITATION_DAYS)
    repository.invite_to_household(uow.connection, household_id, member_id, until)
    return queries.household(uow, vault=vault, household_id=household_id)


def leave_household(
    uow: UnitOfWork, *, vault: Vault, household_id: UUID, member_id: UUID
) -> dict[str, Any]:
    """Leave, or as owner or staff let somebody go; an invitation is thereby declined or taken back.

    The household is closed when its owner leaves as the last.

    Raises:
        NotFound: no such household of the caller's, or the member is not of it.
        HouseholdOwnersOnly: a member names another one.
        HouseholdOwnerStays: the owner leaves while others belong to it.
    """
    roles = _locked(uow, household_id, invited=member_id if _is(uow, member_id) else None)
    if not _is(uow, member_id):
        _check_owner(uow, roles)
    if member_id not in roles:
        if not repository.drop_invitations(uow.connection, household_id, member_id):
            raise NotFound
        return _seen_by_leaver(uow, vault, household_id)
    if roles[member_id] == OWNER and len(roles) > 1:
        raise HouseholdOwnerStays
    _let_go(uow, household_id, roles, member_id)
    return _seen_by_leaver(uow, vault, household_id)


def leave_for_good(uow: UnitOfWork, member_id: UUID) -> None:
    """Let a locked member whose account is over belong to no household.

    Where it was the owner, whoever has belonged to it longest becomes the owner.
    """
    household_id = repository.household_of(uow.connection, member_id)
    if household_id is None:
        return
    repository.lock_household(uow.connection, household_id)
    roles = repository.members_of_household(uow.connection, household_id)
    if roles.get(member_id) is None:  # left while the household was waited for
        return
    heir = next((each for each in roles if each != member_id), None)
    if roles[member_id] == OWNER and heir is not None:
        _pass_on(uow, roles, heir)
    _let_go(uow, household_id, roles, member_id)


def take_place(uow: UnitOfWork, leaver_id: UUID, heir_id: UUID) -> dict[str, Any] | None:
    """Let one locked member take another's place in its household, its role included (M3).

    Where the heir belongs to a household already, the leaver just leaves. Returns what
    `give_place_back` needs; None where the leaver belonged to none.
    """
    household_id = repository.household_of(uow.connection, leaver_id)
    if household_id is None:
        return None
    if repository.household_of(uow.connection, heir_id) is not None:
        leave_for_good(uow, leaver_id)
        return {"household_id": str(household_id), "is_taken": False}
    repository.lock_household(uow.connection, household_id)
    role = repository.members_of_household(uow.connection, household_id).get(leaver_id)
    if role is None:  # it left while the household was waited for
        return None
    _exchange(uow, household_id, role, leaver_id, heir_id)
    return {"household_id": str(household_id), "is_taken": True}


def give_place_back(
    uow: UnitOfWork, place: Mapping[str, Any] | None, heir_id: UUID, owner_id: UUID
) -> None:
    """Undo `take_place`, unless the heir has left that household since."""
    if place is None or not place["is_taken"]:
        return
    household_id = UUID(place["household_id"])
    repository.lock_household(uow.connection, household_id)
    role = repository.members_of_household(uow.connection, household_id).get(heir_id)
    if role is not None:
        _exchange(uow, household_id, role, heir_id, owner_id)


def _exchange(
    uow: UnitOfWork, household_id: UUID, role: str, leaver_id: UUID, heir_id: UUID
) -> None:
    repository.drop_from_household(uow.connection, leaver_id)
    _add(uow, household_id, heir_id, role)
    _tell(uow, household_id, joined=[heir_id], left=[leaver_id])


def _join(uow: UnitOfWork, vault: Vault, household_id: UUID, member_id: UUID) -> dict[str, Any]:
    common.locked_for_change(uow, member_id)
    roles = _locked(uow, household_id, invited=member_id)
    if member_id in roles:
        return queries.household(uow, vault=vault, household_id=household_id)
    asked = repository.open_invitations(uow.connection, household_id, uow.now)
    if member_id not in asked and not _is_staff(uow):
        raise NotFound
    if len(roles) >= MAX_MEMBERS:
        raise HouseholdFull
    _add(uow, household_id, member_id, MEMBER)
    repository.drop_invitations(uow.connection, household_id, member_id)
    return _told(uow, vault, household_id, joined=[member_id])


def _add(uow: UnitOfWork, household_id: UUID, member_id: UUID, role: str) -> None:
    row = {
        "member_id": member_id,
        "household_id": household_id,
        "role": role,
        "joined_at": uow.now,
        "recorded_by": uow.actor.key,
    }
    if not repository.add_to_household(uow.connection, row):
        raise AlreadyInHousehold


def _pass_on(uow: UnitOfWork, roles: dict[UUID, str], heir: UUID) -> None:
    owner = next(each for each, role in roles.items() if role == OWNER)
    repository.set_household_role(uow.connection, owner, MEMBER)
    repository.set_household_role(uow.connection, heir, OWNER)


def _let_go(uow: UnitOfWork, household_id: UUID, roles: dict[UUID, str], member_id: UUID) -> None:
    repository.drop_from_household(uow.connection, member_id)
    if len(roles) == 1:
        repository.drop_invitations(uow.connection, household_id)
        closed = {"closed_at": uow.now, "name": None}
        repository.change_household(uow.connection, household_id, closed)
    _tell(uow, household_id, left=[member_id])


def _locked(uow: UnitOfWork, household_id: UUID, *, invited: UUID | None = None) -> dict[UUID, str]:
    """Lock a household and return the roles in it, to those who belong to it, or were asked.

    Raises:
        NotFound: there is none, or none that is the caller's business.
    """
    row = repository.lock_household(uow.connection, household_id)
    if row is None:
        raise NotFound
    roles = repository.members_of_household(uow.connection, household_id)
    if _is_staff(uow) or any(_is(uow, each) for each in roles):
        return roles
    if invited not in repository.open_invitations(uow.connection, household_id, uow.now):
        raise NotFound
    return roles


def _check_owner(uow: UnitOfWork, roles: dict[UUID, str]) -> None:
    owns = any(role == OWNER and _is(uow, each) for each, role in roles.items())
    if not (owns or _is_staff(uow)):
        raise HouseholdOwnersOnly


def _seen_by_leaver(uow: UnitOfWork, vault: Vault, household_id: UUID) -> dict[str, Any]:
    """Return the household as it is to whoever may still see it, and next to nothing to others."""
    try:
        return queries.household(uow, vault=vault, household_id=household_id)
    except NotFound:
        return queries.left_household(uow, household_id=household_id)


def _told(
    uow: UnitOfWork, vault: Vault, household_id: UUID, *, joined: list[UUID] | None = None
) -> dict[str, Any]:
    _tell(uow, household_id, joined=joined)
    # The answer holds the name, which may be erased with any of them.
    common.note_shown(uow, *repository.members_of_household(uow.connection, household_id))
    return queries.household(uow, vault=vault, household_id=household_id)


def _tell(
    uow: UnitOfWork,
    household_id: UUID,
    *,
    joined: list[UUID] | None = None,
    left: list[UUID] | None = None,
) -> None:
    roles = repository.members_of_household(uow.connection, household_id)
    owner = next((each for each, role in roles.items() if role == OWNER), None)
    change = {"owner_member_id": owner, "joined": joined or [], "left": left or []}
    data = {**change, "household_id": household_id, "member_ids": list(roles)}
    uow.emit(events.HOUSEHOLD_CHANGED, subject=household_id, data=data)
    if _is_staff(uow):
        uow.audit("household.change", ("household", household_id), after=change)


def _is_staff(uow: UnitOfWork) -> bool:
    return uow.actor.kind == "staff"


def _is(uow: UnitOfWork, member_id: UUID) -> bool:
    return uow.actor.kind == "member" and uow.actor.id == str(member_id)
