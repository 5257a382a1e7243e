"""Envelopes that only the export they are for can open: HPKE (RFC 9180).

What a service knows of a member travels to members by events, which lie in outboxes and queues.
Each export has a key pair of its own. Once its private half is destroyed, with the export or with
the member, nothing opens what still lies about (M6).
"""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def new_key_pair() -> tuple[bytes, str]:
    """Return a private key and, as text, the public one."""
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return private.private_bytes_raw(), base64.b64encode(public).decode()


def seal(public_key: str, plain: bytes, *, context: str) -> str:
    """Seal for whoever holds the private key; ``context`` must be given again to open."""
    key = X25519PublicKey.from_public_bytes(base64.b64decode(public_key))
    return base64.b64encode(_SUITE.encrypt(plain, key, context.encode())).decode()


def unseal(private_key: bytes, sealed: str, *, context: str) -> bytes:
    """Open what `seal` sealed; raises ``InvalidTag`` on any change."""
    key = X25519PrivateKey.from_private_bytes(private_key)
    return _SUITE.decrypt(base64.b64decode(sealed), key, context.encode())
