"""Staff, stores, terminals and clients over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.platform import ADMIN_PASSWORD, Platform

STORE = {"store_id": "s-1", "name": "Nanjing Road", "time_zone": "Asia/Shanghai"}


def test_staff_is_created_listed_shown_and_changed(platform: Platform) -> None:
    admin = platform.admin()
    new = {"username": "li", "password": ADMIN_PASSWORD, "roles": ["support"]}
    made = admin.post("/v1/staff", new)
    path = f"/v1/staff/{made['staff_id']}"
    assert admin.get(path) == made
    status, changed, _ = admin.request("PATCH", path, {"roles": ["auditor"]})
    assert (status, changed["roles"]) == (200, ["auditor"])
    assert [person["username"] for person in admin.get("/v1/staff")["items"]] == ["admin", "li"]


@pytest.mark.rule("A3", "I2")
def test_retry_with_the_same_key_shows_the_same_secret(platform: Platform) -> None:
    admin = platform.admin()
    new = {"name": "Web shop", "role": "shop"}
    first = admin.request("POST", "/v1/clients", new, key="k-1")
    again = admin.request("POST", "/v1/clients", new, key="k-1")
    assert first[:2] == again[:2]
    assert again[2]["Idempotency-Replayed"] == "true"


@pytest.mark.rule("A4")
def test_lists_are_walked_by_cursor(platform: Platform) -> None:
    admin = platform.admin()
    for number in range(5):
        admin.post("/v1/stores", {**STORE, "store_id": f"s-{number}"})
    page = admin.get("/v1/stores?limit=2")
    seen = page["items"]
    while page["next_cursor"]:
        page = admin.get(f"/v1/stores?limit=2&cursor={page['next_cursor']}")
        seen += page["items"]
    assert [store["store_id"] for store in seen] == [f"s-{number}" for number in range(5)]


def test_terminal_lives_from_creation_to_its_end(platform: Platform) -> None:
    admin = platform.admin()
    admin.post("/v1/stores", STORE)
    made = admin.post("/v1/terminals", {"terminal_id": "t-1", "store_id": "s-1"})
    shown = admin.get("/v1/terminals/t-1")
    assert shown == {name: value for name, value in made.items() if name != "client_secret"}
    assert admin.get("/v1/terminals?store_id=s-1")["items"] == [shown]
    assert admin.get("/v1/terminals?store_id=s-2")["items"] == []
    rotated = admin.post("/v1/terminals/t-1/rotate", {}, status=200)
    assert rotated["client_secret"] != made["client_secret"]
    grants = [
        {
            "grant_type": "client_credentials",
            "client_id": made["client_id"],
            "client_secret": secret,
        }
        for secret in (made["client_secret"], rotated["client_secret"])
    ]
    for grant in grants:
        platform.login(**grant)
    status, ended, _ = admin.request("DELETE", "/v1/terminals/t-1")
    assert (status, ended["active"]) == (200, False)
    for grant in grants:
        assert platform.client.post("/v1/auth/token", json=grant).status_code == 401


def test_client_is_renamed_and_switched_off(platform: Platform) -> None:
    admin = platform.admin()
    made = admin.post("/v1/clients", {"name": "Web shop", "role": "shop"})
    path = f"/v1/clients/{made['client_id']}"
    status, changed, _ = admin.request("PATCH", path, {"name": "App", "active": False})
    assert (status, changed["name"], changed["active"]) == (200, "App", False)
    assert admin.get(path) == changed
    assert admin.request("POST", f"{path}/rotate", {})[1]["code"] == "credentials_inactive"


def test_store_is_closed(platform: Platform) -> None:
    admin = platform.admin()
    admin.post("/v1/stores", STORE)
    assert admin.request("PATCH", "/v1/stores/s-1", {"active": False})[1]["active"] is False
    assert admin.get("/v1/stores/s-1")["active"] is False
    assert admin.request("POST", "/v1/stores", STORE)[:1] == (409,)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/staff", None),
        ("POST", "/v1/staff", {"username": "x", "password": ADMIN_PASSWORD, "roles": ["admin"]}),
        ("POST", "/v1/stores", STORE),
        ("GET", "/v1/terminals", None),
        ("POST", "/v1/terminals", {"terminal_id": "t", "store_id": "s"}),
        ("DELETE", "/v1/terminals/t", None),
        ("POST", "/v1/clients", {"name": "x", "role": "shop"}),
    ],
)
def test_only_admins_administer(
    platform: Platform, method: str, path: str, body: dict[str, Any] | None
) -> None:
    for person in (platform.staff("manager"), platform.terminal(), platform.shop()):
        status, problem, _ = person.request(method, path, body)
        assert (status, problem["code"]) == (403, "forbidden")


@pytest.mark.rule("A2")
def test_hostile_ids_in_paths_are_refused_politely(platform: Platform) -> None:
    admin = platform.admin()
    for path in (
        "/v1/stores/%00",
        "/v1/stores/' OR 1=1",
        "/v1/terminals/" + "x" * 500,
        "/v1/clients/%F0%9F%98%80",
        "/v1/staff/not-a-uuid",
        "/v1/stores?limit=0",
        "/v1/stores?cursor=abc",
        "/v1/stores?limit=1&limit=2",
    ):
        assert admin.request("GET", path)[0] in (404, 422), path
