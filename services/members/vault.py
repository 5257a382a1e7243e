"""Sealing, opening and finding personal values (M4)."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from services.members import tables
from services.members.domain import EXTERNAL, ClaimedCard, Identifier, Profile
from shared import phones
from shared.db.keyring import KeyRing
from shared.security.crypto import DataKey, LookupKey, MasterKey
from shared.settings import ServiceSettings

_PROFILE = b"members.profile"
_REASON = b"members.reason"

CODE_KEYS = KeyRing(tables.code_keys, b"code_keys.private", shown_for=timedelta(days=4))
"""Retired keys are shown until a till that was offline for 72 hours has told of its sales (S5)."""


@dataclass(frozen=True, slots=True)
class Vault:
    """The service's two keys and what is done with them."""

    master: MasterKey
    lookup: LookupKey
    issuer: str
    """Who signs members' codes."""

    @classmethod
    def of(cls, settings: ServiceSettings) -> Vault:
        """Take the keys of the settings."""
        return cls(
            MasterKey.of(settings),
            LookupKey(settings.lookup_key.reveal()),
            settings.issuer,
        )

    def digest(self, identifier: Identifier) -> bytes:
        """Return what the identifier is found by.

        For a phone this is the very digest that identity's tokens prove (`shared.phones.PURPOSE`).
        """
        if identifier.kind == EXTERNAL:
            return self.lookup.digest(EXTERNAL, f"{identifier.system}\x1f{identifier.value}")
        return self.lookup.digest(identifier.kind, identifier.value)

    def name_digest(self, comparable_name: str) -> bytes:
        """Return what a whole name is searched by."""
        return self.lookup.digest("name", comparable_name)

    def proves(self, verified_phone_digest: str | None, phone: str) -> bool:
        """Return whether the digest of a token is that of ``phone`` (E.164)."""
        raw = self.lookup.digest(phones.PURPOSE, phone)
        expected = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        return hmac.compare_digest(
            (verified_phone_digest or "").rstrip("=").encode(), expected.encode()
        )


def seal_profile(key: DataKey, profile: Profile) -> bytes:
    """Seal the personal fields as one value."""
    birthday = profile.birthday and profile.birthday.isoformat()
    plain: dict[str, Any] = {
        "name": profile.name,
        "birthday": birthday,
        "gender": profile.gender,
        "claimed_email": profile.claimed_email,
        "claimed_cards": [
            [each.number, each.at.isoformat(), each.is_blocked] for each in profile.claimed_cards
        ],
    }
    return key.seal(json.dumps(plain).encode(), context=_PROFILE)


def open_profile(key: DataKey, sealed: bytes) -> Profile:
    """Open what `seal_profile` sealed."""
    plain = json.loads(key.open(sealed, context=_PROFILE))
    birthday = plain["birthday"]
    return Profile(
        plain["name"],
        birthday and date.fromisoformat(birthday),
        plain["gender"],
        # Profiles that were sealed by an earlier release claim nothing.
        plain.get("claimed_email"),
        tuple(
            ClaimedCard(number, datetime.fromisoformat(at), is_blocked)
            for number, at, is_blocked in plain.get("claimed_cards", ())
        ),
    )


def seal_identifier(key: DataKey, identifier: Identifier) -> bytes:
    """Seal an identifier's value."""
    return key.seal(identifier.value.encode(), context=_identifier(identifier.kind))


def open_identifier(key: DataKey, kind: str, sealed: bytes) -> str:
    """Open what `seal_identifier` sealed."""
    return key.open(sealed, context=_identifier(kind)).decode()


def reseal_identifier(before: DataKey, after: DataKey, kind: str, sealed: bytes) -> bytes:
    """Seal an identifier's value by another member's key."""
    return after.seal(before.open(sealed, context=_identifier(kind)), context=_identifier(kind))


def _identifier(kind: str) -> bytes:
    return b"identifiers." + kind.encode()


def seal_reason(key: DataKey, reason: str) -> bytes:
    """Seal what staff wrote about a member."""
    return key.seal(reason.encode(), context=_REASON)


def open_reason(key: DataKey, sealed: bytes) -> str:
    """Open what `seal_reason` sealed."""
    return key.open(sealed, context=_REASON).decode()


def seal_household_name(key: MasterKey, household_id: UUID, name: str) -> bytes:
    """Seal what a household calls itself; it belongs to no single member's key."""
    return key.seal(name.encode(), context=_household(household_id))


def open_household_name(key: MasterKey, household_id: UUID, sealed: bytes | None) -> str | None:
    """Open what `seal_household_name` sealed."""
    return None if sealed is None else key.open(sealed, context=_household(household_id)).decode()


def _household(household_id: UUID) -> bytes:
    return f"households.name:{household_id}".encode()
