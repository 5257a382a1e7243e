"""The service's keys and what is done with them: digests of secrets, sealed keys, new secrets."""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from uuid import UUID

from services.identity import tables
from shared import phones
from shared.db.keyring import KeyRing
from shared.security.crypto import LookupKey, MasterKey
from shared.settings import ServiceSettings

_SECRET_BYTES = 32

SIGNING_KEYS = KeyRing(tables.signing_keys, b"signing_keys.private", shown_for=timedelta(hours=1))
"""A retired key is shown for longer than any access token lives (I1)."""


@dataclass(frozen=True, slots=True)
class Vault:
    """Master key, lookup key, and for whom tokens are made."""

    master: MasterKey
    lookup: LookupKey
    issuer: str
    audience: str

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, settings: ServiceSettings) -> Vault:
        """Take keys and names from the settings."""
        return cls(
            MasterKey.of(settings),
            LookupKey(settings.lookup_key.reveal()),
            settings.issuer,
            settings.audience,
        )

    def phone_digest(self, phone: str) -> bytes:
        """Return what a phone is known by here and in members; raises `Invalid`."""
        return self.lookup.digest(phones.PURPOSE, phones.normalise(phone))

    def otp_digest(self, otp_id: UUID, code: str) -> bytes:
        """Return the digest of a one-time code; keyed, since a million guesses are quickly made."""
        return self.lookup.digest("otp", f"{otp_id}:{code}")

    def client_secret_digest(self, client_id: str, secret: str) -> bytes:
        """Return the digest of a machine's secret."""
        return self.lookup.digest("client_secret", f"{client_id}:{secret}")

    def refresh_digest(self, token: str) -> bytes:
        """Return the digest under which a refresh token is found."""
        return self.lookup.digest("refresh_token", token)

    def username_digest(self, username: str) -> bytes:
        """Return under what the failures of a username are counted."""
        return self.lookup.digest("username", username)

    def address_digest(self, address: str) -> bytes:
        """Return under what the codes sent for a network address are counted."""
        return self.lookup.digest("address", address)


def new_secret(prefix: str) -> str:
    """Return 256 random bits as text; the prefix lets scanners of leaked secrets recognise it."""
    return f"{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def new_code(digits: int) -> str:
    """Return a random decimal code, leading zeros kept."""
    return f"{secrets.randbelow(10**digits):0{digits}d}"


def same(left: bytes, right: bytes) -> bool:
    """Compare digests in constant time."""
    return hmac.compare_digest(left, right)


def as_text(digest: bytes) -> str:
    """Return a digest in the form tokens carry it."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
