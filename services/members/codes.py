"""The rotating code: a barcode for tills that ask, a signed one for tills that are offline (M2).

A step is 30 seconds. A barcode is 12 digits that find the member, which never change, and 8 that
prove the step (RFC 6238 on a secret derived from the member's data key, so that erasure ends it). A
signed code is a JWT of the member's id and the step.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
import pyotp
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.members.domain import STEP_S
from shared.security.crypto import KEY_BYTES, DataKey
from shared.security.tokens import SigningKey, verification_keys

AUDIENCE = "pos"
TOKEN_TYPE = "member-code+jwt"  # noqa: S105 - a media type
PROOF_DIGITS = 8
_BARCODE = re.compile(r"(\d{12})(\d{8})")
_BLANKS = str.maketrans("", "", " -")


@dataclass(frozen=True, slots=True)
class Barcode:
    """A barcode taken apart; whether it proves anything is not known yet."""

    handle: int
    proof: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A code whose signature is good."""

    member_id: UUID
    step: int


def secret_of(key: DataKey) -> bytes:
    """Return the secret that a member's barcodes are made from."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"members.code").derive(key.raw)


def barcode(handle: int, secret: bytes, step: int) -> str:
    """Return the 20 digits of one step."""
    return f"{handle}{_proof(secret, step)}"


def read_barcode(value: str) -> Barcode | None:
    """Take a barcode apart; None where the value is none."""
    found = _BARCODE.fullmatch(value.translate(_BLANKS))
    return None if found is None else Barcode(int(found[1]), found[2])


def step_of(code: Barcode, secret: bytes, steps: Iterable[int]) -> int | None:
    """Return which of ``steps`` a barcode proves, the first if several; None if none."""
    matching = [s for s in steps if hmac.compare_digest(code.proof, _proof(secret, s))]
    return matching[0] if matching else None


def sign(key: SigningKey, member_id: UUID, step: int, *, issuer: str) -> str:
    """Return the signed code of one step, good from the step before to the end of the next."""
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": str(member_id),
        "step": step,
        "nbf": (step - 1) * STEP_S,
        "exp": (step + 2) * STEP_S,
    }
    headers = {"kid": key.kid, "typ": TOKEN_TYPE}
    return jwt.encode(claims, key.private, algorithm="EdDSA", headers=headers)


def read_signed(
    value: str, published: Callable[[], Iterable[Mapping[str, Any]]], *, issuer: str
) -> Signed | None:
    """Return what a signed code says; None where it is none, or not signed by us.

    Whether its step is over is not judged here.
    """
    try:
        header = jwt.get_unverified_header(value)
        key = verification_keys(published()).get(str(header.get("kid")))
        if key is None or header.get("typ") != TOKEN_TYPE:
            return None
        claims = jwt.decode(
            value,
            key,
            algorithms=["EdDSA"],
            audience=AUDIENCE,
            issuer=issuer,
            options={
                "require": ["iss", "aud", "sub"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        return Signed(UUID(claims["sub"]), int(claims["step"]))
    except (jwt.PyJWTError, ValueError, KeyError, TypeError):
        return None


def ends_at(step: int) -> datetime:
    """Return when the next step begins."""
    return datetime.fromtimestamp((step + 1) * STEP_S, UTC)


def _proof(secret: bytes, step: int) -> str:
    shared = base64.b32encode(secret).decode()
    proof: str = pyotp.HOTP(shared, digits=PROOF_DIGITS, digest=hashlib.sha256).at(step)
    return proof
