"""Encryption at rest and keyed hashes (M4, C8), on AES-256-GCM and HMAC-SHA256.

A row's personal fields are sealed with a data key of its own; the data key is wrapped by the
master key. Destroying the wrapped key is erasure (M6). Because sealed values differ each time, they
are found by `LookupKey.digest`, a keyed hash nobody can compute from a database dump alone.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from shared.settings import ServiceSettings

KEY_BYTES = 32
_DATA_KEY = b"data-key"
_NONCE_BYTES = 12


def new_key() -> str:
    """Return 32 random bytes in base64, as the settings want keys."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _decode(key: str) -> bytes:
    raw = base64.b64decode(key, validate=True)
    if len(raw) != KEY_BYTES:
        raise ValueError(f"a key is the base64 of {KEY_BYTES} bytes")
    return raw


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key for the fields of one row."""

    raw: bytes = field(repr=False)
    _cipher: AESGCM = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Set the cipher up once for all that is sealed."""
        object.__setattr__(self, "_cipher", AESGCM(self.raw))

    def seal(self, plain: bytes, *, context: bytes) -> bytes:
        """Encrypt; ``context`` (table and field) must be given again to open."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, *, context: bytes) -> bytes:
        """Decrypt; raises ``cryptography.exceptions.InvalidTag`` on any change."""
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)


class MasterKey:
    """Wraps data keys and seals single secrets such as signing keys.

    It rotates: what earlier keys sealed is still opened, and what is sealed now is sealed by the
    present one.
    """

    def __init__(self, key: str, *, previous: Iterable[str] = ()) -> None:
        """Take keys as the base64 of 32 bytes; ``previous`` ones only open."""
        self._key = DataKey(_decode(key))
        self._previous = tuple(DataKey(_decode(each)) for each in previous)

    @classmethod
    def of(cls, settings: ServiceSettings) -> MasterKey:
        """Take the keys of the settings."""
        previous = [each.reveal() for each in settings.previous_master_keys]
        return cls(settings.master_key.reveal(), previous=previous)

    def new_data_key(self) -> tuple[DataKey, bytes]:
        """Return a fresh data key and its wrapped form for storage."""
        raw = secrets.token_bytes(KEY_BYTES)
        return DataKey(raw), self.seal(raw, context=_DATA_KEY)

    def unwrap(self, wrapped: bytes) -> DataKey:
        """Return the data key of a wrapped form."""
        return DataKey(self.open(wrapped, context=_DATA_KEY))

    def rewrapped(self, wrapped: bytes) -> bytes | None:
        """Return a data key wrapped by the present key, or None where it is already."""
        return self.resealed(wrapped, context=_DATA_KEY)

    def seal(self, plain: bytes, *, context: bytes) -> bytes:
        """Encrypt a single secret."""
        return self._key.seal(plain, context=context)

    def open(self, sealed: bytes, *, context: bytes) -> bytes:
        """Decrypt a single secret."""
        for key in (self._key, *self._previous):
            with suppress(InvalidTag):
                return key.open(sealed, context=context)
        raise InvalidTag

    def resealed(self, sealed: bytes, *, context: bytes) -> bytes | None:
        """Return a secret sealed by the present key, or None where it is already."""
        try:
            self._key.open(sealed, context=context)
        except InvalidTag:
            return self.seal(self.open(sealed, context=context), context=context)
        return None


class LookupKey:
    """Digests by which sealed values are found: equal values, equal digest; no way back."""

    def __init__(self, key: str) -> None:
        """Take the base64 of 32 bytes."""
        # Copied for each digest: setting a key up costs more than hashing a short value.
        self._keyed = HMAC(_decode(key), SHA256())

    def digest(self, purpose: str, value: str) -> bytes:
        """Return 32 bytes; the same value has unrelated digests for different purposes."""
        keyed = self._keyed.copy()
        keyed.update(f"{purpose}\x1f{value}".encode())
        return keyed.finalize()
