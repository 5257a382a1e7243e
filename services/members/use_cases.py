"""What can be done with members; one function, one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.members import domain, queries, repository, views
from services.members.domain import FIELD_OF, Identifier, Profile
from services.members.vault import Vault, open_profile, seal_profile
from shared import phones
from shared.contracts.members import events
from shared.db import UnitOfWork
from shared.errors import FieldError, LoyaltyError, NotFound
from shared.errors.members import (
    ExternalIdNotProven,
    IdentifierTaken,
    PhoneNotProven,
    PhoneTaken,
)
from shared.ids import new_id
from shared.security.crypto import DataKey

_PERSONS = ("anonymous", "member")


def enrol(
    uow: UnitOfWork,
    *,
    vault: Vault,
    time_zone: ZoneInfo,
    phone: str,
    channel: str,
    verified_phone_digest: str | None = None,
    **details: Any,
) -> dict[str, Any]:
    """Make a member; all of it or nothing (M1, M4, M5).

    Raises:
        PhoneTaken, IdentifierTaken: somebody else has it, perhaps since a moment ago.
        PhoneNotProven: a person enrols with a phone its token does not prove.
        ExternalIdNotProven: a person claims an id of another system.
        Invalid: the phone or birthday cannot be.
    """
    e164 = phones.normalise(phone)
    by_person = uow.actor.kind in _PERSONS
    if by_person:
        _check_proof(vault, e164, verified_phone_digest, details)
    domain.check_birthday(details.get("birthday"), today=_today(uow, time_zone))
    member_id = new_id()
    data_key = _add(uow, vault, member_id, channel, details)
    taken = repository.take_identifiers(
        uow.connection,
        _identifiers(e164, details),
        owner=member_id,
        keys=(vault, data_key),
        now=uow.now,
    )
    if taken:
        raise _taken(taken)
    _record_consents(uow, member_id, channel, details.get("consents", ()))
    uow.emit(
        events.ENROLLED,
        subject=member_id,
        data={
            "member_id": member_id,
            "enrolled_at": uow.now,
            "channel": channel,
            "status": "active",
            "home_store_id": details.get("home_store_id"),
            "locale": details.get("locale"),
            "birth_month": domain.birth_month(details.get("birthday")),
        },
    )
    return _view(uow, vault, member_id, personal=by_person)


def patch(
    uow: UnitOfWork,
    *,
    vault: Vault,
    time_zone: ZoneInfo,
    member_id: UUID,
    **changes: Any,
) -> dict[str, Any]:
    """Change a profile; fields left out stay, null clears.

    Raises:
        NotFound: no such member.
        IdentifierTaken: somebody else has the e-mail address.
        Invalid: the birthday cannot be.
    """
    row = repository.lock_member(uow.connection, member_id)
    if row is None or row.status == "erased":
        raise NotFound
    domain.check_birthday(changes.get("birthday"), today=_today(uow, time_zone))
    if changes.get("email") is not None:
        changes["email"] = domain.comparable_email(changes["email"])
    before = queries.views_of(uow.connection, vault, [row], {member_id})[0]
    changed = sorted(name for name, value in changes.items() if _text(value) != before[name])
    if changed:
        profile = _apply(uow, vault, row, {name: changes[name] for name in changed})
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
    return _view(uow, vault, member_id, personal=views.sees_all(uow.actor, member_id))


def _add(
    uow: UnitOfWork, vault: Vault, member_id: UUID, channel: str, details: Mapping[str, Any]
) -> DataKey:
    """Insert the member and return the data key that seals all that is personal about it."""
    profile = domain.changed_profile(Profile(), details)
    data_key, wrapped = vault.master.new_data_key()
    repository.add_member(
        uow.connection,
        {
            "member_id": member_id,
            "status": "active",
            "channel": channel,
            "locale": details.get("locale"),
            "home_store_id": details.get("home_store_id"),
            "data_key": wrapped,
            "profile": seal_profile(data_key, profile),
            "name_digest": _name_digest(vault, profile),
            "enrolled_at": uow.now,
            "updated_at": uow.now,
        },
    )
    return data_key


def _check_proof(
    vault: Vault, e164: str, verified_phone_digest: str | None, details: Mapping[str, Any]
) -> None:
    if not vault.proves(verified_phone_digest, e164):
        raise PhoneNotProven
    if details.get("external_ids"):
        raise ExternalIdNotProven


def _identifiers(e164: str, details: Mapping[str, Any]) -> list[Identifier]:
    found = [Identifier(domain.PHONE, e164)]
    if "email" in details:
        found.append(Identifier(domain.EMAIL, domain.comparable_email(details["email"])))
    if "card_number" in details:
        found.append(Identifier(domain.CARD, domain.comparable_card(details["card_number"])))
    for each in details.get("external_ids", ()):
        found.append(Identifier(domain.EXTERNAL, each["id"], each["system"]))
    return found


def _taken(taken: Sequence[Identifier]) -> LoyaltyError:
    errors = [
        FieldError(FIELD_OF[each.kind], "taken", "Belongs to another member.") for each in taken
    ]
    if any(each.kind == domain.PHONE for each in taken):
        return PhoneTaken(errors=errors)
    return IdentifierTaken(errors=errors)


def _apply(uow: UnitOfWork, vault: Vault, row: Any, changes: Mapping[str, Any]) -> Profile:
    """Store the changes and return the profile as it is then."""
    data_key = vault.master.unwrap(row.data_key)
    profile = domain.changed_profile(open_profile(data_key, row.profile), changes)
    columns = {name: changes[name] for name in ("locale", "home_store_id") if name in changes}
    repository.change_member(
        uow.connection,
        row.member_id,
        {
            **columns,
            "profile": seal_profile(data_key, profile),
            "name_digest": _name_digest(vault, profile),
            "updated_at": uow.now,
        },
    )
    if "email" not in changes:
        return profile
    repository.drop_identifiers(uow.connection, row.member_id, domain.EMAIL)
    if changes["email"] is None:
        return profile
    wanted = [Identifier(domain.EMAIL, domain.comparable_email(changes["email"]))]
    keys = (vault, data_key)
    taken = repository.take_identifiers(
        uow.connection, wanted, owner=row.member_id, keys=keys, now=uow.now
    )
    if taken:
        raise _taken(taken)
    return profile


def _record_consents(
    uow: UnitOfWork, member_id: UUID, channel: str, given: Sequence[Mapping[str, Any]]
) -> None:
    repository.add_consents(
        uow.connection,
        [
            {
                **consent,
                "consent_id": new_id(),
                "member_id": member_id,
                "at": uow.now,
                "proof": channel,
                "recorded_by": _recorder(uow),
            }
            for consent in given
        ],
    )


def _recorder(uow: UnitOfWork) -> str:
    """Return who stands for the consent; a person without a member yet is ``anonymous``."""
    return uow.actor.kind if uow.actor.kind == "anonymous" else uow.actor.key


def _view(uow: UnitOfWork, vault: Vault, member_id: UUID, *, personal: bool) -> dict[str, Any]:
    row = repository.lock_member(uow.connection, member_id)
    if row is None:
        raise NotFound
    return queries.views_of(uow.connection, vault, [row], {member_id} if personal else set())[0]


def _name_digest(vault: Vault, profile: Profile) -> bytes | None:
    if profile.name is None:
        return None
    return vault.name_digest(domain.comparable_name(profile.name))


def _text(value: object) -> object:
    """Return a value as it stands in a view."""
    return value.isoformat() if isinstance(value, date) else value


def _today(uow: UnitOfWork, time_zone: ZoneInfo) -> date:
    return uow.now.astimezone(time_zone).date()
