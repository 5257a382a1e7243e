"""Access tokens: JWTs signed with a key pair, so that who verifies them cannot make them (I1)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from shared.errors import Unauthenticated
from shared.errors.identity import TokenExpired

ALGORITHMS = ("EdDSA", "ES256")
"""Nothing else is ever accepted: no ``none``, and no HMAC that a public key could serve for."""
REQUIRED = ("iss", "aud", "sub", "iat", "nbf", "exp", "jti", "role", "scope")
MAX_LENGTH = 8_192
NOT_BEFORE_LEEWAY = timedelta(seconds=30)
"""Two machines' clocks may differ by this much before a fresh token is refused."""


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the RFC 7638 thumbprint of an OKP key: a ``kid`` that names exactly one key."""
    members = {name: jwk[name] for name in ("crv", "kty", "x")}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key pair."""

    private: Ed25519PrivateKey = field(repr=False)
    public_jwk: Mapping[str, Any]
    """As it stands in the key set: with ``kid``, ``alg`` and ``use``."""

    @classmethod
    def generate(cls) -> SigningKey:
        """Return a fresh key."""
        return cls._of(Ed25519PrivateKey.generate())

    @classmethod
    def from_bytes(cls, raw: bytes) -> SigningKey:
        """Return the key of 32 private bytes."""
        return cls._of(Ed25519PrivateKey.from_private_bytes(raw))

    @classmethod
    def _of(cls, private: Ed25519PrivateKey) -> SigningKey:
        jwk = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
        public = {name: jwk[name] for name in ("kty", "crv", "x")}
        named = {"kid": thumbprint(public), "alg": "EdDSA", "use": "sig"}
        return cls(private, {**public, **named})

    @property
    def kid(self) -> str:
        """Return the name under which verifiers find the public key."""
        return str(self.public_jwk["kid"])

    def to_bytes(self) -> bytes:
        """Return the 32 private bytes, for sealing."""
        return self.private.private_bytes_raw()

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return the compact JWT of ``claims``."""
        return jwt.encode(
            dict(claims), self.private, algorithm="EdDSA", headers={"kid": self.kid, "typ": "JWT"}
        )


def verification_keys(jwks: Iterable[Mapping[str, Any]]) -> dict[str, jwt.PyJWK]:
    """Return the usable keys of a key set by ``kid``; keys of other kinds are left out."""
    keys: dict[str, jwt.PyJWK] = {}
    for jwk in jwks:
        if "kid" not in jwk:
            continue
        try:
            key = jwt.PyJWK(dict(jwk))
        except jwt.PyJWTError:
            continue
        if key.algorithm_name in ALGORITHMS:
            keys[str(jwk["kid"])] = key
    return keys


def kid_of(token: str) -> str:
    """Return the name of the key that a token says it was signed with; nothing is verified yet.

    Raises:
        Unauthenticated: it is no token, or names no key.
    """
    if len(token) > MAX_LENGTH:
        raise Unauthenticated
    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except (jwt.PyJWTError, ValueError):
        raise Unauthenticated from None
    if not isinstance(kid, str):
        raise Unauthenticated
    return kid


def verify(
    token: str,
    *,
    key_of: Callable[[str], jwt.PyJWK | None],
    issuer: str,
    audience: str,
    now: datetime,
) -> dict[str, Any]:
    """Return the claims of a token that is what it says it is, at ``now``.

    The time is an argument because the platform's clock may run ahead of the machine's (A8).

    Raises:
        TokenExpired: it was valid once.
        Unauthenticated: anything else is wrong with it; what exactly is not told.
    """
    claims = _verified(token, key_of, required=REQUIRED, issuer=issuer, audience=audience)
    judge_times(claims, now)
    return claims


def verify_statement(
    token: str, *, key_of: Callable[[str], jwt.PyJWK | None], audience: str
) -> dict[str, Any]:
    """Return the claims of something signed that opens nothing by itself, at whatever time.

    Raises:
        Unauthenticated: it is not what it says it is.
    """
    return _verified(token, key_of, required=("aud", "sub", "jti", "exp"), audience=audience)


def _verified(
    token: str,
    key_of: Callable[[str], jwt.PyJWK | None],
    *,
    required: Iterable[str],
    audience: str,
    issuer: str | None = None,
) -> dict[str, Any]:
    """Return the claims of a token whose signature is good, whatever the time.

    The machine's clock says nothing about it: the platform's may run ahead (A8).

    Raises:
        Unauthenticated: it is not what it says it is.
    """
    key = key_of(kid_of(token))
    if key is None:
        raise Unauthenticated
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            issuer=issuer,
            audience=audience,
            options={
                "require": list(required),
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except (jwt.PyJWTError, ValueError):
        raise Unauthenticated from None
    return claims


def judge_times(claims: Mapping[str, Any], now: datetime) -> None:
    """Let verified claims pass if they hold at ``now``.

    Raises:
        TokenExpired: they held once.
        Unauthenticated: they do not hold yet, or say nothing readable about it.
    """
    expires, begins = claims["exp"], claims["nbf"]
    if type(expires) is not int or type(begins) is not int:
        raise Unauthenticated
    if begins > (now + NOT_BEFORE_LEEWAY).timestamp():
        raise Unauthenticated
    if expires <= now.timestamp():
        raise TokenExpired
