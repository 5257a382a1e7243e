"""What the gateway needs of identity; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pact import match

from shared.calls import Actor
from shared.contracts.identity import rpc as identity
from tests.contracts.calls import CallNeed
from tests.contracts.needs import MEMBER, instant, uuid
from tests.contracts.states import PHONE
from tests.support.platform import ADMIN_PASSWORD, Platform

_ADMIN = Actor("staff", "root", ("admin",))
_AT = "2026-01-05T10:00:00Z"
_STORE = {"store_id": "s-9", "name": "Nanjing Road", "time_zone": "Asia/Shanghai"}
_TERMINAL = {"terminal_id": "t-9", "store_id": "s-9"}
_CLIENT = {"name": "Web shop", "role": "shop"}
_STAFF = {"username": "li.na", "password": ADMIN_PASSWORD, "roles": ["support"]}
_REFRESH = {"refresh_token": "r" * 40}
_SECRET = match.regex("s" * 40, regex=r"^\S{20,}$")
_PAGE = {"limit": 50, "after": None}

_STORE_SHOWN = {
    "store_id": match.like("s-9"),
    "name": match.like("Nanjing Road"),
    "time_zone": match.like("Asia/Shanghai"),
    "active": match.bool(True),
}
_TERMINAL_SHOWN = {
    "terminal_id": match.like("t-9"),
    "store_id": match.like("s-9"),
    "client_id": match.like("c-1"),
    "active": match.bool(True),
}
_CLIENT_SHOWN = {
    "client_id": match.like("c-1"),
    "name": match.like("Web shop"),
    "role": "shop",
    "active": match.bool(True),
}
_STAFF_SHOWN = {
    "staff_id": uuid(),
    "username": match.like("li.na"),
    "roles": match.each_like(match.like("support"), min=1),
    "active": match.bool(True),
}
_ROTATED = {
    "client_id": match.like("c-1"),
    "client_secret": _SECRET,
    "previous_valid_until": instant(_AT),
}


def _page(item: Any) -> dict[str, Any]:
    return {"items": match.each_like(item, min=1), "next": None}


def _nothing(_platform: Platform) -> Mapping[str, Any]:
    return {}


def _store(platform: Platform) -> Mapping[str, Any]:
    platform.admin().post("/v1/stores", _STORE)
    return {}


def _engaged(platform: Platform) -> Mapping[str, Any]:
    """Let there be a store with a till, a shop, and somebody who works for it."""
    admin = platform.admin()
    _store(platform)
    admin.post("/v1/terminals", _TERMINAL)
    client_id = admin.post("/v1/clients", _CLIENT)["client_id"]
    staff_id = admin.post("/v1/staff", _STAFF)["staff_id"]
    return {"client_id": client_id, "staff_id": staff_id}


def _session(platform: Platform) -> Mapping[str, Any]:
    grant = {"grant_type": "password", "username": "admin", "password": ADMIN_PASSWORD}
    answer = platform.client.post("/v1/auth/token", json=grant).json
    assert answer is not None
    return {"refresh_token": answer["refresh_token"]}


_THERE = "a store, a till, a shop and staff are there"


def _need(
    method: Any, http: tuple[str, str, Any], request: Mapping[str, Any], answer: Any, *takes: str
) -> CallNeed:
    return CallNeed(method, _THERE, http, request, answer, _engaged, asking=_ADMIN, takes=takes)


IDENTITY_CALLS = (
    CallNeed(
        identity.JWKS,
        "tokens are signed",
        ("GET", "/.well-known/jwks.json", None),
        {},
        {"keys": match.each_like({"kid": match.like("k-1"), "kty": match.like("OKP")}, min=1)},
        _nothing,
    ),
    CallNeed(
        identity.REQUEST_OTP,
        "a phone is anybody's",
        ("POST", "/v1/auth/otp", {"phone": PHONE}),
        {"phone": PHONE, "address": "127.0.0.1"},
        {"expires_in": match.int(300)},
        _nothing,
    ),
    CallNeed(
        identity.REVOKE_TOKEN,
        "somebody is signed in",
        ("POST", "/v1/auth/revoke", _REFRESH),
        _REFRESH,
        {},
        _session,
    ),
    CallNeed(
        identity.CREATE_STORE,
        "nothing was opened",
        ("POST", "/v1/stores", _STORE),
        _STORE,
        _STORE_SHOWN,
        _nothing,
        asking=_ADMIN,
    ),
    CallNeed(
        identity.CREATE_TERMINAL,
        "a store was opened",
        ("POST", "/v1/terminals", _TERMINAL),
        _TERMINAL,
        {**_TERMINAL_SHOWN, "client_secret": _SECRET},
        _store,
        asking=_ADMIN,
    ),
    CallNeed(
        identity.CREATE_CLIENT,
        "nothing was opened",
        ("POST", "/v1/clients", _CLIENT),
        _CLIENT,
        {**_CLIENT_SHOWN, "client_secret": _SECRET},
        _nothing,
        asking=_ADMIN,
    ),
    CallNeed(
        identity.CREATE_STAFF,
        "nothing was opened",
        ("POST", "/v1/staff", _STAFF),
        _STAFF,
        _STAFF_SHOWN,
        _nothing,
        asking=_ADMIN,
    ),
    _need(identity.LIST_STORES, ("GET", "/v1/stores", None), _PAGE, _page(_STORE_SHOWN)),
    _need(identity.GET_STORE, ("GET", "/v1/stores/s-9", None), {"store_id": "s-9"}, _STORE_SHOWN),
    _need(identity.LIST_TERMINALS, ("GET", "/v1/terminals", None), _PAGE, _page(_TERMINAL_SHOWN)),
    _need(
        identity.GET_TERMINAL,
        ("GET", "/v1/terminals/t-9", None),
        {"terminal_id": "t-9"},
        _TERMINAL_SHOWN,
    ),
    _need(identity.LIST_CLIENTS, ("GET", "/v1/clients", None), _PAGE, _page(_CLIENT_SHOWN)),
    _need(
        identity.GET_CLIENT,
        ("GET", "/v1/clients/c-1", None),
        {"client_id": "c-1"},
        _CLIENT_SHOWN,
        "client_id",
    ),
    _need(identity.LIST_STAFF, ("GET", "/v1/staff", None), _PAGE, _page(_STAFF_SHOWN)),
    _need(
        identity.GET_STAFF,
        ("GET", f"/v1/staff/{MEMBER}", None),
        {"staff_id": MEMBER},
        _STAFF_SHOWN,
        "staff_id",
    ),
    _need(
        identity.UPDATE_STORE,
        ("PATCH", "/v1/stores/s-9", {"active": False}),
        {"store_id": "s-9", "active": False},
        {**_STORE_SHOWN, "active": False},
    ),
    _need(
        identity.UPDATE_TERMINAL,
        ("PATCH", "/v1/terminals/t-9", {"active": False}),
        {"terminal_id": "t-9", "active": False},
        {**_TERMINAL_SHOWN, "active": False},
    ),
    _need(
        identity.ROTATE_TERMINAL,
        ("POST", "/v1/terminals/t-9/rotate", {"overlap_s": 60}),
        {"terminal_id": "t-9", "overlap_s": 60},
        _ROTATED,
    ),
    _need(
        identity.UPDATE_CLIENT,
        ("PATCH", "/v1/clients/c-1", {"active": False}),
        {"client_id": "c-1", "active": False},
        {**_CLIENT_SHOWN, "active": False},
        "client_id",
    ),
    _need(
        identity.ROTATE_CLIENT,
        ("POST", "/v1/clients/c-1/rotate", {"overlap_s": 60}),
        {"client_id": "c-1", "overlap_s": 60},
        _ROTATED,
        "client_id",
    ),
    _need(
        identity.UPDATE_STAFF,
        ("PATCH", f"/v1/staff/{MEMBER}", {"roles": ["manager"]}),
        {"staff_id": MEMBER, "roles": ["manager"]},
        _STAFF_SHOWN,
        "staff_id",
    ),
)
