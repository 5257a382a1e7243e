"""A person joins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.members import domain, repository
from services.members.domain import Identifier, Profile
from services.members.use_cases import claims, common
from services.members.use_cases.consents import record_consents
from services.members.vault import Vault, seal_profile
from shared import phones
from shared.contracts.members import events
from shared.db import UnitOfWork
from shared.errors.members import ExternalIdNotProven, PhoneNotProven
from shared.ids import new_id
from shared.security.crypto import DataKey


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
        PhoneTaken, IdentifierTaken: somebody else has it, perhaps since a moment ago. A person
            hears that of its phone only; see `claims`.
        PhoneNotProven: a person enrols with a phone its token does not prove.
        ExternalIdNotProven: a person claims an id of another system.
        Invalid: the phone or birthday cannot be.
    """
    e164 = phones.normalise(phone)
    by_person = claims.by_person(uow)
    if by_person:
        _check_proof(vault, e164, verified_phone_digest, details)
    domain.check_birthday(details.get("birthday"), today=common.today(uow, time_zone))
    member_id = new_id()
    profile = domain.changed_profile(Profile(), details)
    data_key = _add(uow, vault, member_id, profile, {**details, "channel": channel})
    wanted = _identifiers(e164, details)
    taken = repository.take_identifiers(
        uow.connection, wanted, owner=member_id, keys=(vault, data_key), now=uow.now
    )
    sealed = seal_profile(data_key, claims.settle(uow, profile, wanted, taken))
    repository.change_member(uow.connection, member_id, {"profile": sealed})
    record_consents(uow, member_id, channel, details.get("consents", ()))
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
    return common.view(uow, vault, member_id, personal=by_person)


def _add(
    uow: UnitOfWork, vault: Vault, member_id: UUID, profile: Profile, details: Mapping[str, Any]
) -> DataKey:
    """Insert the member and return the data key that seals all that is personal about it."""
    data_key, wrapped = vault.master.new_data_key()
    repository.add_member(
        uow.connection,
        {
            "member_id": member_id,
            "status": "active",
            "channel": details["channel"],
            "locale": details.get("locale"),
            "home_store_id": details.get("home_store_id"),
            "data_key": wrapped,
            "profile": seal_profile(data_key, profile),
            "name_digest": common.name_digest(vault, profile),
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
