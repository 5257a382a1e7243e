"""The doors of the gateway: tokens, scopes, bodies, keys, cursors, problems."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway import create_app
from gateway.app import _refuse_undeclared
from gateway.bodies import fingerprint
from shared.calls import Reply
from shared.contracts import platform
from shared.errors import NotFound
from shared.errors.backend import BackendUnavailable
from shared.settings import GatewaySettings, Secret
from tests.unit.gateway.conftest import ScriptedBackend

Token = Callable[..., dict[str, str]]
STORES = "/v1/stores"
STORE = {"store_id": "s-1", "name": "Nanjing", "time_zone": "Asia/Shanghai"}


def _json(response: Any) -> dict[str, Any]:
    assert response.is_json or response.mimetype == "application/problem+json"
    body: dict[str, Any] = json.loads(response.data)
    return body


@pytest.fixture
def admin(token: Token) -> dict[str, str]:
    return token("stores:write stores:read")


@pytest.fixture
def creating(backend: ScriptedBackend) -> ScriptedBackend:
    backend.answers["identity.create_store"] = lambda payload: Reply(201, dict(payload))
    return backend


@pytest.mark.rule("A2")
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("DELETE", "/healthz", 405, "method_not_allowed"),
        ("GET", STORES, 401, "unauthenticated"),
        ("GET", "/v1/sandbox/clock", 404, "not_found"),
    ],
)
def test_refusal_is_a_problem(
    client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    response = client.open(path, method=method, headers={"X-Request-Id": "r-1"})
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert response.headers["X-Request-Id"] == "r-1"
    body = _json(response)
    assert body["code"] == code
    assert body["status"] == status
    assert body["request_id"] == "r-1"


@pytest.mark.rule("A5")
@pytest.mark.parametrize("given", ["", "has blank", "x" * 129, "caf\u00e9"])
def test_unusable_request_id_is_replaced(client: FlaskClient, given: str) -> None:
    response = client.get("/healthz", headers={"X-Request-Id": given})
    assert response.status_code == 200
    assert response.headers["X-Request-Id"] not in ("", given)


def test_token_without_the_scope_is_forbidden(client: FlaskClient, token: Token) -> None:
    response = client.get(STORES, headers=token("members:read"))
    assert (response.status_code, _json(response)["code"]) == (403, "forbidden")


def test_route_without_declared_scopes_stops_the_start() -> None:
    app = Flask("careless")
    app.add_url_rule("/leak", "leak", lambda: "all")
    with pytest.raises(TypeError, match="/leak"):
        _refuse_undeclared(app)


@pytest.mark.rule("A3")
@pytest.mark.parametrize("key", [None, "", "has blank", "x" * 256, "\u00e9"])
def test_change_without_a_usable_key_is_refused(
    client: FlaskClient, admin: dict[str, str], creating: ScriptedBackend, key: str | None
) -> None:
    headers = admin if key is None else admin | {"Idempotency-Key": key}
    response = client.post(STORES, json=STORE, headers=headers)
    assert (response.status_code, _json(response)["code"]) == (400, "idempotency_key_required")
    assert creating.asked == []


@pytest.mark.rule("A3")
def test_fingerprint_is_the_meaning_of_the_body_and_scope_is_caller_and_route(
    client: FlaskClient, admin: dict[str, str], creating: ScriptedBackend
) -> None:
    headers = admin | {"Idempotency-Key": "k", "Content-Type": "application/json"}
    reordered = json.dumps(dict(reversed(STORE.items())), indent=3)
    for body in (json.dumps(STORE), reordered, json.dumps(STORE | {"name": "Wuxi"})):
        assert client.post(STORES, data=body, headers=headers).status_code == 201
    first, second, third = (asked[2] for asked in creating.asked)
    assert first.idempotency == second.idempotency
    assert first.idempotency is not None
    assert first.idempotency.route == "POST /v1/stores"
    assert third.idempotency is not None
    assert third.idempotency.fingerprint != first.idempotency.fingerprint
    assert first.actor.key == "staff:s1"


@pytest.mark.rule("A3")
@pytest.mark.rule("M4")
def test_fingerprint_cannot_be_computed_without_the_gateways_secret() -> None:
    body = {"phone": "+8613800138000"}
    assert fingerprint(body, Secret("a")) == fingerprint(dict(body), Secret("a"))
    assert fingerprint(body, Secret("a")) != fingerprint(body, Secret("b"))


@pytest.mark.rule("A3")
def test_replayed_answer_says_so(
    client: FlaskClient, admin: dict[str, str], backend: ScriptedBackend
) -> None:
    backend.answers["identity.create_store"] = lambda p: Reply(201, dict(p), replayed=True)
    response = client.post(STORES, json=STORE, headers=admin | {"Idempotency-Key": "k"})
    assert response.headers["Idempotency-Replayed"] == "true"


@pytest.mark.rule("A2")
@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b'{"name": ' + b"[" * 3000 + b"]" * 3000 + b"}", "application/json", 400),
        (b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}", "application/json", 400),
        (b'{"name": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b"x" * 20_000, "application/json", 413),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"[]", "application/json", 422),
        (b'"text"', "application/json", 422),
        (b"", "application/json", 422),
        (b'{"store_id": "s", "name": "\\u0000", "time_zone": "UTC"}', "application/json", 422),
        (b'{"store_id": "s", "name": "\\ud800", "time_zone": "UTC"}', "application/json", 422),
    ],
)
def test_hostile_body_is_refused_before_any_service(
    *,
    client: FlaskClient,
    admin: dict[str, str],
    backend: ScriptedBackend,
    data: bytes,
    content_type: str,
    status: int,
) -> None:
    headers = admin | {"Idempotency-Key": "k"}
    response = client.post(STORES, data=data, content_type=content_type, headers=headers)
    assert response.status_code == status, response.data
    assert response.content_type == "application/problem+json"
    assert backend.asked == []


@pytest.mark.rule("A4")
def test_cursor_is_opaque_signed_and_of_its_list(
    client: FlaskClient, admin: dict[str, str], backend: ScriptedBackend
) -> None:
    page = {"items": [], "next": {"store_id": "s-9"}}
    backend.answers["identity.list_stores"] = lambda _payload: Reply(200, page)
    first = _json(client.get(f"{STORES}?limit=1", headers=admin))
    client.get(f"{STORES}?limit=2&cursor={first['next_cursor']}", headers=admin)
    assert [asked[1] for asked in backend.asked] == [
        {"limit": 1, "after": None},
        {"limit": 2, "after": {"store_id": "s-9"}},
    ]
    for bad in ("cursor=forged", "limit=0", "limit=201", "limit=x", "limit=1&limit=2", "other=1"):
        assert client.get(f"{STORES}?{bad}", headers=admin).status_code == 422


@pytest.mark.rule("A2")
def test_refusal_of_a_service_keeps_code_and_status(
    client: FlaskClient, admin: dict[str, str], backend: ScriptedBackend
) -> None:
    def refuse(_payload: object) -> Reply:
        raise NotFound("No such store.")

    backend.answers["identity.get_store"] = refuse
    response = client.get(f"{STORES}/x", headers=admin)
    assert (response.status_code, _json(response)["detail"]) == (404, "No such store.")


@pytest.mark.rule("A2")
def test_away_backend_is_503_with_retry_after_and_bug_is_500_without_trace(
    client: FlaskClient, admin: dict[str, str], backend: ScriptedBackend
) -> None:
    def away(_payload: object) -> Reply:
        raise BackendUnavailable

    def bug(_payload: object) -> Reply:
        raise RuntimeError("secret detail")

    backend.answers["identity.get_store"] = away
    response = client.get(f"{STORES}/x", headers=admin)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    backend.answers["identity.get_store"] = bug
    response = client.get(f"{STORES}/x", headers=admin)
    assert response.status_code == 500
    assert b"secret detail" not in response.data
    assert b"Traceback" not in response.data


@pytest.mark.rule("A7")
def test_readiness_names_the_part_that_is_away(
    client: FlaskClient, backend: ScriptedBackend
) -> None:
    def away(_payload: object) -> Reply:
        raise BackendUnavailable

    for service in platform.SERVICES:
        backend.answers[f"{service}.ping"] = lambda _payload: Reply(200, {})
    assert client.get("/readyz").status_code == 200
    backend.answers["tiers.ping"] = away
    response = client.get("/readyz")
    assert response.status_code == 503
    assert _json(response)["services"]["tiers"] == "backend_unavailable"


@pytest.mark.rule("A5")
def test_limit_is_per_caller_and_says_when_to_come_back(
    backend: ScriptedBackend, token: Token
) -> None:
    settings = GatewaySettings(Secret(""), Secret("s"), limits_per_minute={"staff": 2})
    client = create_app(settings, backend).test_client()
    backend.answers["identity.get_store"] = lambda _payload: Reply(200, {})
    answers = [client.get(f"{STORES}/x", headers=token("stores:read")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 61
    other = client.get(f"{STORES}/x", headers=token("stores:read", sub="s2"))
    assert other.status_code == 200


@pytest.mark.rule("A5")
def test_limits_let_pass_when_their_store_is_away(backend: ScriptedBackend, token: Token) -> None:
    settings = GatewaySettings(
        Secret(""),
        Secret("s"),
        limits_url="redis://127.0.0.1:1",
        limits_per_minute={"staff": 1},
    )
    client = create_app(settings, backend).test_client()
    backend.answers["identity.get_store"] = lambda _payload: Reply(200, {})
    for _ in range(3):
        assert client.get(f"{STORES}/x", headers=token("stores:read")).status_code == 200


@pytest.mark.rule("A6")
def test_documentation_is_served_with_its_files(client: FlaskClient) -> None:
    document = _json(client.get("/openapi.json"))
    assert document["openapi"].startswith("3.1")
    assert document["paths"]["/v1/stores"]["post"]["x-scopes"] == ["stores:write"]
    page = client.get("/", follow_redirects=True)
    assert page.request.path == "/docs/"
    assert page.status_code == 200
    assert client.get("/docs/swagger-ui-bundle.js").status_code == 200
    assert b"http://" not in page.data.replace(b"http://localhost", b"")


@pytest.mark.rule("A5")
def test_sign_ins_are_limited_by_address_before_anybody_is_asked(
    backend: ScriptedBackend,
) -> None:
    limits = {"address": 2}
    settings = GatewaySettings(Secret(""), Secret("s"), limits_per_minute=limits)
    client = create_app(settings, backend).test_client()
    guess = {"grant_type": "password", "username": "admin", "password": "guess"}
    backend.answers["identity.issue_token"] = lambda _: Reply(200, {})

    def sign_in(address: str) -> int:
        origin = {"REMOTE_ADDR": address}
        return client.post("/v1/auth/token", json=guess, environ_base=origin).status_code

    assert [sign_in("203.0.113.7") for _ in range(3)] == [200, 200, 429]
    assert sign_in("203.0.113.8") == 200
    assert len(backend.asked) == 3
    assert client.get("/.well-known/jwks.json").status_code == 200


@pytest.mark.parametrize(("proxies", "believed"), [(0, "10.0.0.1"), (1, "203.0.113.7")])
def test_address_is_what_our_own_proxies_say_and_nobody_else(
    backend: ScriptedBackend, proxies: int, believed: str
) -> None:
    settings = GatewaySettings(Secret(""), Secret("s"), trusted_proxies=proxies)
    client = create_app(settings, backend).test_client()
    backend.answers["identity.request_otp"] = lambda _: Reply(202, {"expires_in": 300})
    client.post(
        "/v1/auth/otp",
        json={"phone": "+8613800138000"},
        headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.7"},
        environ_base={"REMOTE_ADDR": "10.0.0.1"},
    )
    assert backend.asked[-1][1]["address"] == believed
