from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from shared.errors import Unauthenticated
from shared.errors.identity import TokenExpired
from shared.security import tokens
from shared.security.tokens import SigningKey

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = SigningKey.generate()


def claims(**changes: Any) -> dict[str, Any]:
    begins = int(NOW.timestamp())
    plain = {
        "iss": "loyalty",
        "aud": "loyalty",
        "sub": "t-1",
        "iat": begins,
        "nbf": begins,
        "exp": begins + 900,
        "jti": "1",
        "role": "terminal",
        "scope": "sales:write",
    }
    merged = {**plain, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def verify(token: str, *jwks: Any, now: datetime = NOW) -> dict[str, Any]:
    keys = tokens.verification_keys(jwks or (KEY.public_jwk,))
    return tokens.verify(token, key_of=keys.get, issuer="loyalty", audience="loyalty", now=now)


def refused(token: str, *jwks: Any) -> None:
    with pytest.raises(Unauthenticated):
        verify(token, *jwks)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: dict[str, Any], signature: bytes = b"") -> str:
    parts = [b64(json.dumps(part).encode()) for part in (header, claims())]
    return ".".join([*parts, b64(signature)])


@pytest.mark.rule("I1")
def test_token_of_the_key_is_accepted() -> None:
    assert verify(KEY.sign(claims())) == claims()


def test_key_survives_storage_with_its_name() -> None:
    again = SigningKey.from_bytes(KEY.to_bytes())
    assert again.kid == KEY.kid == tokens.thumbprint(KEY.public_jwk)
    assert verify(again.sign(claims()))["sub"] == "t-1"


def test_public_key_holds_nothing_private() -> None:
    assert set(KEY.public_jwk) == {"kty", "crv", "x", "kid", "alg", "use"}
    assert "private" not in repr(KEY)


@pytest.mark.rule("I1")
def test_es256_key_of_another_issuer_is_accepted() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    jwk = {**ECAlgorithm.to_jwk(private.public_key(), as_dict=True), "kid": "e", "alg": "ES256"}
    token = jwt.encode(claims(), private, algorithm="ES256", headers={"kid": "e"})
    assert verify(token, jwk)["sub"] == "t-1"


@pytest.mark.rule("I1")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE"])
def test_unsigned_token_is_refused(alg: str) -> None:
    refused(forged({"alg": alg, "kid": KEY.kid, "typ": "JWT"}))


@pytest.mark.rule("I1")
def test_public_key_used_as_hmac_secret_is_refused() -> None:
    signing_input = forged({"alg": "HS256", "kid": KEY.kid}).rpartition(".")[0]
    for secret in (
        KEY.private.public_key().public_bytes_raw(),
        KEY.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    ):
        signature = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
        refused(f"{signing_input}.{b64(signature)}")


@pytest.mark.rule("I1")
def test_rsa_key_in_the_key_set_is_left_out() -> None:
    private = rsa.generate_private_key(65537, 2048)
    jwk = {**RSAAlgorithm.to_jwk(private.public_key(), as_dict=True), "kid": "r", "alg": "RS256"}
    refused(jwt.encode(claims(), private, algorithm="RS256", headers={"kid": "r"}), jwk)


def test_unreadable_key_in_the_key_set_leaves_the_others_usable() -> None:
    odd = ({"kid": "x", "kty": "OKP", "crv": "X448", "x": "AA"}, {"kty": "??"}, {"kid": "y"})
    assert verify(KEY.sign(claims()), *odd, KEY.public_jwk)["sub"] == "t-1"


@pytest.mark.rule("I1")
def test_other_key_under_the_same_kid_is_refused() -> None:
    thief = SigningKey.generate()
    refused(jwt.encode(claims(), thief.private, algorithm="EdDSA", headers={"kid": KEY.kid}))


@pytest.mark.rule("I1")
def test_unknown_and_missing_kid_are_refused() -> None:
    refused(SigningKey.generate().sign(claims()))
    refused(jwt.encode(claims(), KEY.private, algorithm="EdDSA"))
    refused(forged({"alg": "EdDSA", "kid": ["a", "list"]}, b"x" * 64))


def test_key_brought_along_in_the_header_is_ignored() -> None:
    thief = SigningKey.generate()
    headers = {"kid": thief.kid, "jwk": dict(thief.public_jwk)}
    refused(jwt.encode(claims(), thief.private, algorithm="EdDSA", headers=headers))


@pytest.mark.rule("I1")
@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "elsewhere"},
        {"aud": []},
        {"iss": "somebody"},
        {"exp": "tomorrow"},
        {"exp": 1e12},
        {"nbf": True},
        {"sub": 5},
        *({name: None} for name in tokens.REQUIRED),
    ],
)
def test_claim_that_is_wrong_or_missing_is_refused(changes: dict[str, Any]) -> None:
    refused(KEY.sign(claims(**changes)))


@pytest.mark.rule("I1")
def test_token_expires_at_its_instant() -> None:
    token = KEY.sign(claims())
    verify(token, now=NOW + timedelta(seconds=899))
    with pytest.raises(TokenExpired):
        verify(token, now=NOW + timedelta(seconds=900))


@pytest.mark.rule("I1")
def test_token_of_the_future_is_refused_beyond_the_leeway() -> None:
    token = KEY.sign(claims())
    verify(token, now=NOW - timedelta(seconds=30))
    with pytest.raises(Unauthenticated):
        verify(token, now=NOW - timedelta(seconds=31))


@pytest.mark.rule("A8", "I1")
def test_time_is_the_platforms_and_not_the_machines() -> None:
    far = datetime(2040, 1, 1, tzinfo=UTC)
    begins = int(far.timestamp())
    token = KEY.sign(claims(iat=begins, nbf=begins, exp=begins + 900))
    assert verify(token, now=far)["exp"] == begins + 900


def test_expired_forgery_is_not_told_apart_from_other_forgeries() -> None:
    thief = SigningKey.generate()
    token = jwt.encode(claims(exp=1), thief.private, algorithm="EdDSA", headers={"kid": KEY.kid})
    refused(token)


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "...", "é.é.é", "x" * 10_000])
def test_text_that_is_no_token_is_refused(text: str) -> None:
    refused(text)


@pytest.mark.rule("I1")
def test_changed_claim_breaks_the_signature() -> None:
    head, _, signature = KEY.sign(claims()).split(".")
    richer = b64(json.dumps(claims(scope="staff:write")).encode())
    refused(f"{head}.{richer}.{signature}")
