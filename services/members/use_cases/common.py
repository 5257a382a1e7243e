"""What the use cases share: locked members, names of conflicts, answers, and the one event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from services.members import domain, queries, repository, views
from services.members.domain import FIELD_OF, Identifier, Profile
from services.members.vault import Vault, open_profile
from shared.contracts.members import events
from shared.db import UnitOfWork
from shared.errors import FieldError, LoyaltyError, NotFound
from shared.errors.members import (
    IdentifierTaken,
    MemberClosed,
    MemberFrozen,
    MemberMerged,
    PhoneTaken,
)

Member = sa.Row[Any]


def locked(uow: UnitOfWork, member_id: UUID) -> Member:
    """Return a member's row, locked until the end; raises `NotFound`, also once it is erased."""
    row = repository.lock_member(uow.connection, member_id)
    if row is None or row.status == domain.ERASED:
        raise NotFound
    return row


def locked_for_change(uow: UnitOfWork, member_id: UUID) -> Member:
    """Return the locked row of a member whose data may change.

    Raises:
        NotFound: no such member.
        MemberMerged: it is another member now.
        MemberClosed: the account is over.
        MemberFrozen: it is frozen, and whoever it is frozen for asks.
    """
    row = locked(uow, member_id)
    if row.status == domain.MERGED:
        raise MemberMerged(merged_into=str(row.merged_into))
    if row.status == domain.CLOSED:
        raise MemberClosed
    if row.status == domain.FROZEN and uow.actor.kind != "staff":
        raise MemberFrozen
    return row


def taken(identifiers: Sequence[Identifier]) -> LoyaltyError:
    """Return the refusal that names identifiers which belong to somebody else (M1)."""
    errors = [
        FieldError(FIELD_OF[each.kind], "taken", "Belongs to another member.")
        for each in identifiers
    ]
    if any(each.kind == domain.PHONE for each in identifiers):
        return PhoneTaken(errors=errors)
    return IdentifierTaken(errors=errors)


def change(
    uow: UnitOfWork, vault: Vault, member_id: UUID, changed: Iterable[str], **columns: Any
) -> None:
    """Update columns of a locked member and tell what changed: names of fields, no value (M4)."""
    changed = sorted(changed)
    if "status" not in columns:
        note(uow, member_id, "member.update", after={"changed": changed})
    repository.change_member(uow.connection, member_id, {**columns, "updated_at": uow.now})
    row = locked(uow, member_id)
    profile = open_profile(vault.master.unwrap(row.data_key), row.profile)
    uow.emit(
        events.UPDATED,
        subject=member_id,
        data={
            "member_id": member_id,
            "changed": changed,
            "status": row.status,
            "enrolled_at": row.enrolled_at,
            "birth_month": domain.birth_month(profile.birthday),
        },
    )


def note(
    uow: UnitOfWork,
    member_id: UUID,
    action: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any],
) -> None:
    """Audit what staff does to a member (I4); no personal values, only names of fields."""
    if uow.actor.kind == "staff":
        uow.audit(action, ("member", member_id), before=before, after=after)


def view(
    uow: UnitOfWork, vault: Vault, member_id: UUID, *, personal: bool | None = None
) -> dict[str, Any]:
    """Return the member as the caller may see it; ``personal`` decides otherwise (M7)."""
    row = repository.lock_member(uow.connection, member_id)
    if row is None:
        raise NotFound
    if personal is None:
        personal = views.sees_all(uow.actor, member_id)
    note_shown(uow, member_id)
    return queries.views_of(uow.connection, vault, [row], {member_id} if personal else set())[0]


def note_shown(uow: UnitOfWork, *member_ids: UUID) -> None:
    """Keep in mind that the answer kept for this request shows members (M6)."""
    request = uow.context.idempotency
    if request is not None:
        repository.note_answer(uow.connection, uow.actor.key, request, member_ids)


def name_digest(vault: Vault, profile: Profile) -> bytes | None:
    """Return what the profile's name is searched by."""
    if profile.name is None:
        return None
    return vault.name_digest(domain.comparable_name(profile.name))


def today(uow: UnitOfWork, time_zone: ZoneInfo) -> date:
    """Return the programme's day."""
    return uow.now.astimezone(time_zone).date()
