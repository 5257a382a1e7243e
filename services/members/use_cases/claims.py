"""What a person says is its own, while it is somebody else's: kept, and recognised by nobody (M1).

A till or staff is told that an e-mail address or a card belongs to another member. A person is not:
the answer would say that somebody is a member. So the person's request does what it would have done
had nobody had the address, to everything the person can see; but the identifier stays its owner's.
Staff sees the claim as ``unconfirmed`` and settles it. A phone is another matter: whoever names one
has proved to hold it, and may be told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.members import domain, repository
from services.members.domain import ClaimedCard, Identifier, Profile
from services.members.use_cases import common
from services.members.vault import Vault, open_profile, seal_profile
from shared.db import UnitOfWork
from shared.errors.members import CardBlocked

_PERSONS = ("anonymous", "member")


def by_person(uow: UnitOfWork) -> bool:
    """Return whether a person asks for itself, and not a till, a shop or staff for it."""
    return uow.actor.kind in _PERSONS


def settle(
    uow: UnitOfWork, profile: Profile, wanted: Iterable[Identifier], taken: Iterable[Identifier]
) -> Profile:
    """Return the profile with what it claims in vain of ``wanted``, and no longer with the rest.

    Raises:
        PhoneTaken, IdentifierTaken: something of it belongs to somebody else, and the caller may
            know.
    """
    taken = list(taken)
    named = [each for each in taken if each.kind == domain.PHONE or not by_person(uow)]
    if named:
        raise common.taken(named)
    for each in wanted:
        if each.kind == domain.EMAIL:
            profile = replace(profile, claimed_email=each.value if each in taken else None)
        elif each.kind == domain.CARD:
            profile = _without(profile, each.value)
            if each in taken:
                profile = _with(profile, each.value, uow.now)
    return profile


def has_email(vault: Vault, row: common.Member) -> bool:
    """Return whether a member claims an e-mail address."""
    return _profile(vault, row).claimed_email is not None


def cards_of(vault: Vault, row: common.Member) -> tuple[ClaimedCard, ...]:
    """Return all cards that a member claims or has given up."""
    return _profile(vault, row).claimed_cards


def note_card(uow: UnitOfWork, vault: Vault, member_id: UUID, number: str, *, taken: bool) -> None:
    """Keep that a locked member claims a card, or, where it got it now, that it need not."""
    row = common.locked(uow, member_id)
    before = _profile(vault, row)
    if taken and any(each.number == number for each in before.claimed_cards):
        return
    after = _with(before, number, uow.now) if taken else _without(before, number)
    _keep(uow, vault, row, after)


def refuse_given_up(vault: Vault, row: common.Member, number: str) -> None:
    """Refuse a card that the member had blocked; raises `CardBlocked`, as of one it owns."""
    for each in cards_of(vault, row):
        if each.number == number and each.is_blocked:
            raise CardBlocked


def block(uow: UnitOfWork, vault: Vault, member_id: UUID, number: str) -> bool | None:
    """Block a card that a member claims; False if it was blocked, None where it claims none."""
    row = common.locked(uow, member_id)
    profile = _profile(vault, row)
    mine = next((each for each in profile.claimed_cards if each.number == number), None)
    if mine is None:
        return None
    if mine.is_blocked:
        return False
    rest = _without(profile, number)
    cards = (*rest.claimed_cards, replace(mine, is_blocked=True))
    _keep(uow, vault, row, replace(rest, claimed_cards=cards))
    return True


def _with(profile: Profile, number: str, at: datetime) -> Profile:
    claimed = ClaimedCard(number, at)
    return replace(profile, claimed_cards=(*profile.claimed_cards, claimed))


def _without(profile: Profile, number: str) -> Profile:
    rest = tuple(each for each in profile.claimed_cards if each.number != number)
    return replace(profile, claimed_cards=rest)


def _profile(vault: Vault, row: common.Member) -> Profile:
    return open_profile(vault.master.unwrap(row.data_key), row.profile)


def _keep(uow: UnitOfWork, vault: Vault, row: common.Member, profile: Profile) -> None:
    sealed = seal_profile(vault.master.unwrap(row.data_key), profile)
    repository.change_member(uow.connection, row.member_id, {"profile": sealed})
