"""Quotes as tokens: what was promised travels with the caller, sealed for nobody else (H1).

A token is the promise as JSON, compressed, then encrypted and authenticated (AES-256-GCM) under a
key derived from the gateway's secret for this purpose alone. Whoever holds it can neither read nor
change it: it names a member and holds coupon codes. Who it was given to is authenticated along, so
that it opens for the same caller only. 200 lines make some 8,000 characters.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.calls import Actor
from shared.errors.checkout import QuoteTokenInvalid
from shared.security.crypto import KEY_BYTES, DataKey
from shared.settings import Secret

_PREFIX = "q1."
_PURPOSE = b"loyalty quote token 1"
_SHORTEST = 12 + 16
"""Bytes of a nonce and a tag."""


class QuoteSeal:
    """Seals and opens tokens with one gateway's secret."""

    def __init__(self, secret: Secret) -> None:
        """Derive the key."""
        derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=_PURPOSE)
        self._key = DataKey(derived.derive(secret.reveal().encode()))

    def seal(self, promise: Mapping[str, Any], holder: Actor) -> str:
        """Return the token of a promise for the caller who asked for it."""
        plain = json.dumps(promise, separators=(",", ":"), ensure_ascii=False).encode()
        sealed = self._key.seal(zlib.compress(plain, 9), context=_context(holder))
        return _PREFIX + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, token: str, holder: Actor) -> dict[str, Any]:
        """Return what was promised; however long ago, which is for others to judge.

        Raises:
            QuoteTokenInvalid: no such token was ever given to this caller.
        """
        if not token.startswith(_PREFIX) or not token.isascii():
            raise QuoteTokenInvalid
        text = token.removeprefix(_PREFIX)
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            if len(sealed) < _SHORTEST:
                raise QuoteTokenInvalid
            plain = zlib.decompress(self._key.open(sealed, context=_context(holder)))
        except (binascii.Error, InvalidTag):
            raise QuoteTokenInvalid from None
        promise: dict[str, Any] = json.loads(plain)
        return promise


def _context(holder: Actor) -> bytes:
    return f"quote:{holder.key}".encode()
