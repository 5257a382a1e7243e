"""From sealed rows to what a caller may see (M4, M7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.members import domain
from services.members.domain import Profile
from services.members.vault import Vault, open_household_name, open_identifier, open_profile
from shared.calls import Actor


def sees_all(actor: Actor, member_id: object) -> bool:
    """Return whether the caller is the member itself; everybody else sees masks."""
    return actor.kind == "member" and actor.id == str(member_id)


def member_view(
    vault: Vault,
    row: sa.Row[Any],
    *,
    identifiers: Iterable[sa.Row[Any]],
    consents: Iterable[sa.Row[Any]],
    personal: bool,
) -> dict[str, Any]:
    """Return a member as `MemberSchema` has it; ``personal`` is False for masked values."""
    key = vault.master.unwrap(row.data_key)
    profile = open_profile(key, row.profile)
    opened, cards = [], []
    for each in identifiers:
        value = open_identifier(key, each.kind, each.value)
        opened.append((each.kind, each.system, value))
        if each.kind == domain.CARD:
            cards.append((each.added_at, value))
    claimed = _claimed_cards(profile, opened)
    view: dict[str, Any] = {
        "member_id": row.member_id,
        "status": row.status,
        "masked": not personal,
        "phone": _first(opened, domain.PHONE),
        "email": _first(opened, domain.EMAIL) or profile.claimed_email,
        "name": profile.name,
        "birthday": profile.birthday and profile.birthday.isoformat(),
        "gender": profile.gender,
        "locale": row.locale,
        "card_numbers": [number for _, number in sorted([*cards, *claimed])],
        "external_ids": [
            {"system": system, "id": value}
            for kind, system, value in opened
            if kind == domain.EXTERNAL
        ],
        "home_store_id": row.home_store_id,
        "channel": row.channel,
        # The member itself must not see which of what it claims is somebody else's.
        "unconfirmed": [],
        "consents": [dict(each._mapping) for each in consents],
        "enrolled_at": row.enrolled_at,
        "updated_at": row.updated_at,
        "merged_into": row.merged_into,
    }
    if personal:
        return view
    doubtful = {"email": _first(opened, domain.EMAIL) != view["email"], "card_numbers": claimed}
    unconfirmed = [name for name, claim in doubtful.items() if claim]
    return {**view, **_masks(view), "unconfirmed": unconfirmed}


def _claimed_cards(
    profile: Profile, opened: Iterable[tuple[str, str, str]]
) -> list[tuple[datetime, str]]:
    """Return the cards that a member claims and does not have, and since when."""
    owned = {value for _, _, value in opened}
    return [
        (each.at, each.number)
        for each in profile.claimed_cards
        if not each.is_blocked and each.number not in owned
    ]


def identity_view(vault: Vault, row: sa.Row[Any], phone: bytes) -> dict[str, Any]:
    """Return a member as `IdentitySchema` has it."""
    key = vault.master.unwrap(row.data_key)
    return {
        "member_id": row.member_id,
        "status": row.status,
        "name_masked": domain.mask_name(open_profile(key, row.profile).name),
        "phone_masked": domain.mask_phone(open_identifier(key, domain.PHONE, phone)),
    }


def _first(opened: list[tuple[str, str, str]], kind: str) -> str | None:
    return next((value for its_kind, _, value in opened if its_kind == kind), None)


def _masks(view: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "phone": domain.mask_phone(view["phone"]),
        "email": domain.mask_email(view["email"]),
        "name": domain.mask_name(view["name"]),
        "birthday": view["birthday"] and domain.MASKED_BIRTHDAY,
        "gender": None,
        "card_numbers": [domain.mask_value(number) for number in view["card_numbers"]],
        "external_ids": [
            {"system": each["system"], "id": domain.mask_value(each["id"])}
            for each in view["external_ids"]
        ],
    }


def household_view(
    vault: Vault,
    row: sa.Row[Any],
    *,
    members: Iterable[sa.Row[Any]],
    invitations: Iterable[sa.Row[Any]],
    actor: Actor,
) -> dict[str, Any]:
    """Return a household as `HouseholdSchema` has it; only its owner and staff see who is asked."""
    members = list(members)
    owner = next((each.member_id for each in members if each.role == "owner"), None)
    sees_invitations = actor.kind == "staff" or actor.id == str(owner)
    return {
        "household_id": row.household_id,
        "name": open_household_name(vault.master, row.household_id, row.name),
        "status": "active" if row.closed_at is None else "closed",
        "owner_member_id": owner,
        "members": [dict(each._mapping) for each in members],
        "invitations": [dict(each._mapping) for each in invitations] if sees_invitations else [],
        "created_at": row.created_at,
    }
