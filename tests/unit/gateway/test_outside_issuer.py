"""An issuer outside of the platform, trusted by configuration instead of identity (I1)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from jwt.algorithms import ECAlgorithm

from gateway import create_app
from gateway.keys import outside_keys
from shared.calls import Reply
from shared.errors.backend import BackendUnavailable
from shared.settings import GatewaySettings, Secret
from tests.unit.gateway.conftest import ScriptedBackend

ISSUER = "https://login.example.com/"
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = {**ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "k1", "alg": "ES256"}


class _Issuer(BaseHTTPRequestHandler):
    """Serves ``answer`` as its key set."""

    answer: bytes

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    _Issuer.answer = json.dumps({"keys": [PUBLIC]}).encode()
    server = HTTPServer(("127.0.0.1", 0), _Issuer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client(url: str, backend: ScriptedBackend) -> FlaskClient:
    backend.answers["identity.get_store"] = lambda _: Reply(200, {})
    settings = GatewaySettings(Secret(""), Secret("s"), issuer=ISSUER, jwks_url=url)
    return create_app(settings, backend).test_client()


def ask(client: FlaskClient, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return client.get("/v1/stores/s-1", headers=headers).status_code


def claims(token: Callable[..., dict[str, str]], **changes: Any) -> dict[str, Any]:
    """Return the claims of a token that identity would give."""
    own = token("stores:read")["Authorization"].removeprefix("Bearer ")
    return {**jwt.decode(own, options={"verify_signature": False}), "iss": ISSUER, **changes}


@pytest.mark.rule("I1")
def test_outside_issuers_tokens_open_what_their_scopes_say(
    client: FlaskClient, token: Callable[..., dict[str, str]]
) -> None:
    def sign(**changes: Any) -> str:
        signed = claims(token, **changes)
        return jwt.encode(signed, KEY, algorithm="ES256", headers={"kid": "k1"})

    assert ask(client, sign()) == 200
    assert ask(client, sign(scope="staff:read")) == 403
    assert ask(client, sign(iss="loyalty")) == 401


@pytest.mark.rule("I1")
def test_identitys_own_tokens_are_refused_then(
    client: FlaskClient, backend: ScriptedBackend, token: Callable[..., dict[str, str]]
) -> None:
    assert ask(client, backend.key.sign(claims(token))) == 401


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"keys": {}}', b"{}"])
def test_issuer_that_answers_nonsense_is_away(url: str, answer: bytes) -> None:
    _Issuer.answer = answer
    with pytest.raises(BackendUnavailable):
        outside_keys(url)()


def test_issuer_that_cannot_be_reached_is_away() -> None:
    with pytest.raises(BackendUnavailable):
        outside_keys("http://127.0.0.1:1/jwks.json")()
