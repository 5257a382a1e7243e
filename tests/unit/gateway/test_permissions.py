"""Every route with every role and with every kind of bad token: who is let in, and who hears what.

The routes are those the application has, so that a new one is held to this without a new test. "Let
in" is any answer but 401 and 403: what is behind the door is another test's business.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient

from gateway import create_app
from gateway.routing import Operation
from shared.calls import CallContext, Reply
from shared.clock import rfc3339
from shared.contracts.method import Method
from shared.contracts.platform import PING
from shared.errors.backend import BackendUnavailable
from shared.security.scopes import PERSON_ROLES, STAFF_ROLES, scopes_of
from shared.security.tokens import SigningKey
from shared.settings import GatewaySettings, Secret
from tests.support.stand_ins import OneByOne

ISSUER_KEY, OTHER_KEY = SigningKey.generate(), SigningKey.generate()
OTHERS_ID = "0192f3a0-0000-7000-8000-00000000beef"
VALUES = {"int": "1"}
"""What stands in a path for each kind of value but ids."""
ROLES = (*PERSON_ROLES, *STAFF_ROLES)
Claims = dict[str, Any]


class AwayBackend(OneByOne):
    """Knows the issuer's key and the time; remembers what else it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def call(self, method: Method, payload: Mapping[str, Any], context: CallContext) -> Reply:
        """Be away for all else."""
        if method.routing_key == "identity.jwks":
            return Reply(200, {"keys": [ISSUER_KEY.public_jwk]})
        if method.name == PING.name:  # for the sandbox's clock, by which tokens are judged
            now = rfc3339(datetime.now(UTC))
            return Reply(200, {"service": method.service, "now": now, "sandbox": True})
        self.asked.append(method.routing_key)
        raise BackendUnavailable


@dataclass(frozen=True)
class Door:
    """The application and a client at its door."""

    app: Flask
    client: FlaskClient
    backend: AwayBackend

    def operations(self) -> Iterator[Operation]:
        """Yield every operation of the API."""
        for rule in self.app.url_map.iter_rules():
            operation = getattr(self.app.view_functions[rule.endpoint], "operation", None)
            if operation is not None:
                yield operation

    def knock(self, operation: Operation, header: str | None) -> tuple[int, str]:
        """Ask for an operation; return the status and the problem's code."""
        headers = {"Idempotency-Key": str(uuid4())}
        if header is not None:
            headers["Authorization"] = header
        url = re.sub(r"<(\w+):\w+>", lambda found: VALUES.get(found[1], OTHERS_ID), operation.path)
        response = self.client.open(url, method=operation.method, headers=headers, json={})
        body = response.get_json(silent=True)
        code = body.get("code", "") if isinstance(body, dict) else ""
        return response.status_code, code


@pytest.fixture(scope="module")
def door() -> Door:
    backend = AwayBackend()
    settings = GatewaySettings(Secret(""), Secret("s"), sandbox=True, rate_limits=False)
    app = create_app(settings, backend)
    return Door(app, app.test_client(), backend)


def claims_of(role: str, **changes: Any) -> Claims:
    staff = role in STAFF_ROLES
    now = int(datetime.now(UTC).timestamp())
    kind, roles = ("staff", [role]) if staff else (role, [])
    return {
        "iss": "loyalty",
        "aud": "loyalty",
        "sub": str(uuid4()),
        "iat": now,
        "nbf": now,
        "exp": now + 900,
        "jti": "j",
        "role": kind,
        "roles": roles,
        "scope": " ".join(sorted(scopes_of(kind, roles))),
    } | changes


def bearer(token: str) -> str:
    return f"Bearer {token}"


@pytest.mark.rule("I1")
@pytest.mark.parametrize("role", ROLES)
def test_role_opens_the_routes_its_scopes_are_listed_for_and_no_other(
    door: Door, role: str
) -> None:
    token = bearer(ISSUER_KEY.sign(claims_of(role)))
    granted = STAFF_ROLES.get(role) or PERSON_ROLES[role]
    wrong = []
    for operation in door.operations():
        status, code = door.knock(operation, token)
        expected = not operation.scopes or bool(granted.intersection(operation.scopes))
        let_in = status not in (401, 403)
        if let_in != expected or (not let_in and (status, code) != (403, "forbidden")):
            wrong.append((operation.method, operation.path, status, code))
    assert wrong == []


def _far(**delta: float) -> int:
    return int((datetime.now(UTC) + timedelta(**delta)).timestamp())


def _unsigned(claims: Claims) -> str:
    return jwt.encode(claims, "", algorithm="none", headers={"kid": ISSUER_KEY.kid})


def _signed_with_public_key(claims: Claims) -> str:
    """Return a token that a verifier accepts which takes the public key for a shared secret."""
    public = ISSUER_KEY.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return jwt.encode(claims, public, algorithm="HS256", headers={"kid": ISSUER_KEY.kid})


def _tampered(claims: Claims) -> str:
    head, _, signature = ISSUER_KEY.sign(claims).split(".")
    more = json.dumps({**claims, "sub": str(uuid4())}).encode()
    return f"{head}.{base64.urlsafe_b64encode(more).rstrip(b'=').decode()}.{signature}"


def _forged(claims: Claims) -> str:
    headers = {"kid": ISSUER_KEY.kid}
    return jwt.encode(claims, OTHER_KEY.private, algorithm="EdDSA", headers=headers)


BAD: Mapping[str, tuple[str, Callable[[Claims], str | None]]] = {
    "no token": ("unauthenticated", lambda _: None),
    "empty token": ("unauthenticated", lambda _: "Bearer "),
    "another scheme": ("unauthenticated", lambda claims: f"Basic {ISSUER_KEY.sign(claims)}"),
    "no JWT": ("unauthenticated", lambda _: bearer("a.b.c")),
    "expired": (
        "token_expired",
        lambda claims: bearer(ISSUER_KEY.sign({**claims, "exp": _far(seconds=-1)})),
    ),
    "not yet valid": (
        "unauthenticated",
        lambda claims: bearer(ISSUER_KEY.sign({**claims, "nbf": _far(minutes=5)})),
    ),
    "alg none": ("unauthenticated", lambda claims: bearer(_unsigned(claims))),
    "public key as secret": (
        "unauthenticated",
        lambda claims: bearer(_signed_with_public_key(claims)),
    ),
    "tampered": ("unauthenticated", lambda claims: bearer(_tampered(claims))),
    "signed by a stranger": ("unauthenticated", lambda claims: bearer(_forged(claims))),
    "signed by a revoked key": (
        "unauthenticated",
        lambda claims: bearer(OTHER_KEY.sign(claims)),
    ),
    "for another audience": (
        "unauthenticated",
        lambda claims: bearer(ISSUER_KEY.sign({**claims, "aud": "pos"})),
    ),
    "from another issuer": (
        "unauthenticated",
        lambda claims: bearer(ISSUER_KEY.sign({**claims, "iss": "somebody"})),
    ),
}


@pytest.mark.rule("I1")
@pytest.mark.parametrize("flaw", BAD)
def test_no_guarded_route_opens_to_a_bad_token(door: Door, flaw: str) -> None:
    code, make = BAD[flaw]
    # One who may do everything, so that only the token's flaw can be the reason.
    everything = {scope for operation in door.operations() for scope in operation.scopes}
    header = make(claims_of("admin", scope=" ".join(sorted(everything))))
    door.backend.asked.clear()
    answers = {
        (operation.method, operation.path): door.knock(operation, header)
        for operation in door.operations()
        if operation.scopes
    }
    assert len(answers) > 50
    assert {key: found for key, found in answers.items() if found != (401, code)} == {}
    assert door.backend.asked == []


@pytest.mark.rule("M7")
def test_member_learns_nothing_of_another_from_any_route(door: Door) -> None:
    token = bearer(ISSUER_KEY.sign(claims_of("member")))
    door.backend.asked.clear()
    personal = [
        operation
        for operation in door.operations()
        if "<string:member_id>" in operation.path
        and operation.path.startswith("/v1/members/")
        and {"self:read", "self:write"}.intersection(operation.scopes)
        and operation.body is None
    ]
    assert len(personal) >= 5
    answers = {operation.path: door.knock(operation, token) for operation in personal}
    assert set(answers.values()) == {(404, "not_found")}, answers
    assert door.backend.asked == [], "the answer must not depend on whether there is such a member"
