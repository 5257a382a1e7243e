from __future__ import annotations

from typing import Any
from uuid import uuid4

import jwt
import pytest
from werkzeug.test import TestResponse

from shared.calls import Actor, CallContext
from shared.contracts.members import rpc as members
from tests.support.platform import ADMIN_PASSWORD, Platform

PHONE = "+8613800138000"


def token(platform: Platform, **grant: object) -> TestResponse:
    return platform.client.post("/v1/auth/token", json=grant)


def code(platform: Platform, phone: str = PHONE) -> str:
    response = platform.client.post("/v1/auth/otp", json={"phone": phone})
    assert response.status_code == 202, response.data
    body = response.get_json()
    assert body["expires_in"] == 300
    found: str = body["sandbox_code"]
    return found


def enrol(platform: Platform) -> str:
    context = CallContext(str(uuid4()), Actor("terminal", "t-1", store_id="s-1"))
    payload = {"phone": PHONE, "channel": "store"}
    member_id: str = platform.backend.call(members.ENROL, payload, context).body["member_id"]
    return member_id


def claims(response: TestResponse) -> dict[str, Any]:
    assert response.status_code == 200, response.data
    text = response.get_json()["access_token"]
    found: dict[str, Any] = jwt.decode(text, options={"verify_signature": False})
    return found


@pytest.mark.rule("I3", "A2")
def test_refused_sign_ins_are_the_same_problem(platform: Platform) -> None:
    code(platform)
    refusals = [
        token(platform, grant_type="password", username="admin", password="wrong"),
        token(platform, grant_type="password", username="nobody", password="wrong"),
        token(platform, grant_type="client_credentials", client_id="x", client_secret="y"),
        token(platform, grant_type="refresh_token", refresh_token="x"),
        token(platform, grant_type="otp", phone=PHONE, code="x"),
        token(platform, grant_type="otp", phone="+8613900139000", code="x"),
    ]
    problems = [{**refusal.get_json(), "request_id": ""} for refusal in refusals]
    headers = [
        {name: value for name, value in refusal.headers if name != "X-Request-Id"}
        for refusal in refusals
    ]
    assert problems[0]["code"] == "invalid_credentials"
    assert {refusal.status_code for refusal in refusals} == {401}
    assert all(problem == problems[0] for problem in problems)
    assert all(header == headers[0] for header in headers)
    assert headers[0]["WWW-Authenticate"] == "Bearer"
    assert "Retry-After" not in headers[0]


@pytest.mark.rule("A2")
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("{", 400),
        ("[]", 422),
        ('{"grant_type": "magic"}', 422),
        ('{"grant_type": "otp", "phone": "abc", "code": "1"}', 422),
        ('{"grant_type": "password", "username": "a\\u0000", "password": "b"}', 422),
        ('{"grant_type": {"$ne": 1}}', 422),
    ],
)
def test_malformed_sign_in_is_a_problem(platform: Platform, text: str, status: int) -> None:
    response = platform.client.post("/v1/auth/token", data=text, content_type="application/json")
    assert response.status_code == status, response.data


@pytest.mark.rule("I2")
def test_member_signs_in_by_code_and_refreshes_once(platform: Platform) -> None:
    member_id = enrol(platform)
    first = token(platform, grant_type="otp", phone="138 0013 8000", code=code(platform))
    assert claims(first)["sub"] == member_id
    grant = {"grant_type": "refresh_token", "refresh_token": first.get_json()["refresh_token"]}
    second = token(platform, **grant)
    assert claims(second)["sub"] == member_id
    assert token(platform, **grant).status_code == 401
    grant["refresh_token"] = second.get_json()["refresh_token"]
    assert token(platform, **grant).status_code == 401


def test_person_without_member_is_one_after_enrolling_and_signing_in_again(
    platform: Platform,
) -> None:
    visitor = token(platform, grant_type="otp", phone=PHONE, code=code(platform))
    assert claims(visitor)["sub"] == ""
    assert claims(visitor)["phone_digest"]
    assert "refresh_token" not in visitor.get_json()
    member_id = enrol(platform)
    platform.advance_clock(seconds=31)
    again = token(platform, grant_type="otp", phone=PHONE, code=code(platform))
    assert claims(again)["sub"] == member_id


@pytest.mark.rule("I2", "A5")
def test_second_code_at_once_is_429_and_says_when(platform: Platform) -> None:
    code(platform)
    response = platform.client.post("/v1/auth/otp", json={"phone": PHONE})
    assert (response.status_code, response.get_json()["code"]) == (429, "otp_throttled")
    assert 0 < int(response.headers["Retry-After"]) <= 30


@pytest.mark.rule("A8", "I1")
def test_token_expires_by_the_sandbox_clock(platform: Platform) -> None:
    admin = platform.admin()
    platform.advance_clock(minutes=14)
    admin.get("/v1/staff")
    platform.advance_clock(minutes=1)
    status, body, headers = admin.request("GET", "/v1/staff")
    assert (status, body["code"]) == (401, "token_expired")
    assert headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Bearer", "Bearer x", "Bearer a.b.c"])
@pytest.mark.rule("I1")
def test_no_token_is_401(platform: Platform, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    response = platform.client.get("/v1/staff", headers=headers)
    assert (response.status_code, response.get_json()["code"]) == (401, "unauthenticated")


def test_sign_out_ends_the_session_and_tells_nothing(platform: Platform) -> None:
    grant = {"grant_type": "password", "username": "admin", "password": ADMIN_PASSWORD}
    refresh_token = token(platform, **grant).get_json()["refresh_token"]
    for text in (refresh_token, refresh_token, "unknown"):
        response = platform.client.post("/v1/auth/revoke", json={"refresh_token": text})
        assert (response.status_code, response.get_json()) == (200, {})
    again = token(platform, grant_type="refresh_token", refresh_token=refresh_token)
    assert again.status_code == 401


@pytest.mark.rule("I1")
def test_key_set_is_public_and_may_be_cached(platform: Platform) -> None:
    response = platform.client.get("/.well-known/jwks.json")
    assert response.status_code == 200
    (key,) = response.get_json()["keys"]
    assert (key["kty"], key["alg"], "d" in key) == ("OKP", "EdDSA", False)
    assert response.headers["Cache-Control"] == "public, max-age=300"


def test_answers_with_tokens_are_not_cached(platform: Platform) -> None:
    grant = {"grant_type": "password", "username": "admin", "password": ADMIN_PASSWORD}
    assert token(platform, **grant).headers["Cache-Control"] == "no-store"
