"""A gateway over a scripted backend: what HTTP does, without any service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway import create_app
from shared.calls import CallContext, Reply
from shared.contracts.method import Method
from shared.security.tokens import SigningKey
from shared.settings import GatewaySettings, Secret
from tests.support.stand_ins import OneByOne


@dataclass
class ScriptedBackend(OneByOne):
    """Answers by method name and remembers what it was asked."""

    key: SigningKey = field(default_factory=SigningKey.generate)
    answers: dict[str, Callable[[Mapping[str, Any]], Reply]] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, Any], CallContext]] = field(default_factory=list)

    def call(self, method: Method, payload: Mapping[str, Any], context: CallContext) -> Reply:
        if method.routing_key == "identity.jwks":
            return Reply(200, {"keys": [self.key.public_jwk]})
        self.asked.append((method.routing_key, payload, context))
        return self.answers[method.routing_key](payload)


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()


@pytest.fixture
def token(backend: ScriptedBackend) -> Callable[..., dict[str, str]]:
    def make(scope: str = "", **claims: Any) -> dict[str, str]:
        now = datetime.now(UTC)
        values = {
            "iss": "loyalty",
            "aud": "loyalty",
            "sub": "s1",
            "role": "staff",
            "roles": ["admin"],
            "scope": scope,
            "jti": "j",
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + timedelta(minutes=15)).timestamp()),
        } | claims
        return {"Authorization": f"Bearer {backend.key.sign(values)}"}

    return make


@pytest.fixture
def settings() -> GatewaySettings:
    return GatewaySettings(Secret(""), Secret("s"), max_body_bytes=10_000)


@pytest.fixture
def client(backend: ScriptedBackend, settings: GatewaySettings) -> FlaskClient:
    return create_app(settings, backend).test_client()
