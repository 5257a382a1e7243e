"""Changing what is known of a member."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.members import domain, queries, repository
from services.members.domain import Identifier
from services.members.use_cases import claims, common
from services.members.vault import Vault, open_profile, seal_profile
from shared import phones
from shared.db import UnitOfWork
from shared.errors.members import PhoneNotProven

_COLUMNS = ("locale", "home_store_id")
_IDENTIFIERS = (domain.PHONE, domain.EMAIL)


def patch(
    uow: UnitOfWork,
    *,
    vault: Vault,
    time_zone: ZoneInfo,
    member_id: UUID,
    verified_phone_digest: str | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Change a profile; fields left out stay, null clears.

    Raises:
        NotFound: no such member.
        MemberClosed, MemberFrozen: its data cannot change.
        PhoneNotProven: a member names a phone that it has not shown to be its own.
        PhoneTaken, IdentifierTaken: somebody else has the phone or the e-mail address; a member
            hears that of a phone only, which it has proved to hold.
        Invalid: the phone or birthday cannot be.
    """
    row = common.locked_for_change(uow, member_id)
    domain.check_birthday(changes.get("birthday"), today=common.today(uow, time_zone))
    if changes.get("email") is not None:
        changes["email"] = domain.comparable_email(changes["email"])
    if "phone" in changes:
        changes["phone"] = phones.normalise(changes["phone"])
    before = queries.views_of(uow.connection, vault, [row], {member_id})[0]
    changed = sorted(name for name, value in changes.items() if _text(value) != before[name])
    if "email" in changes and claims.has_email(vault, row) and not claims.by_person(uow):
        changed = sorted({*changed, "email"})  # what was claimed may be had by now
    if "phone" in changed and uow.actor.kind == "member":
        _check_phone(vault, changes["phone"], verified_phone_digest)
    if changed:
        _apply(uow, vault, row, {name: changes[name] for name in changed})
    return common.view(uow, vault, member_id)


def _check_phone(vault: Vault, e164: str, verified_phone_digest: str | None) -> None:
    """Refuse a phone that opens the account to whoever holds it, unless the member does."""
    if not vault.proves(verified_phone_digest, e164):
        raise PhoneNotProven


def _apply(uow: UnitOfWork, vault: Vault, row: common.Member, changes: Mapping[str, Any]) -> None:
    """Store the changes and tell of them."""
    data_key = vault.master.unwrap(row.data_key)
    profile = domain.changed_profile(open_profile(data_key, row.profile), changes)
    replaced = [kind for kind in _IDENTIFIERS if kind in changes]
    for kind in replaced:
        repository.drop_identifiers(uow.connection, row.member_id, kind)
    wanted = [Identifier(kind, changes[kind]) for kind in replaced if changes[kind] is not None]
    taken = repository.take_identifiers(
        uow.connection, wanted, owner=row.member_id, keys=(vault, data_key), now=uow.now
    )
    if "email" in changes:
        profile = replace(profile, claimed_email=None)
    profile = claims.settle(uow, profile, wanted, taken)
    common.change(
        uow,
        vault,
        row.member_id,
        changes,
        **{name: changes[name] for name in _COLUMNS if name in changes},
        profile=seal_profile(data_key, profile),
        name_digest=common.name_digest(vault, profile),
    )


def _text(value: object) -> object:
    """Return a value as it stands in a view."""
    return value.isoformat() if isinstance(value, date) else value
