"""What the gateway needs of points for tills' offline work and for claims; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pact import match

from shared.calls import Actor
from shared.contracts.points import rpc as points
from tests.contracts import calls
from tests.contracts.calls import CallNeed
from tests.contracts.needs import MEMBER, instant, uuid
from tests.contracts.states import PHONE, enrol, sale, till
from tests.support.platform import Platform

_CLAIM = {"receipt_code": "2345", "member": {"type": "phone", "value": PHONE}}
_AT = "2026-01-05T10:00:00Z"
_GAP = {
    "exception_id": uuid(),
    "kind": match.like("counter_gap"),
    "status": match.like("open"),
    "terminal_id": match.like("t-1"),
    "counters": {"first": match.int(2), "last": match.int(2)},
}
_RESOLUTION = {"action": "acknowledge", "note": "Test sales."}
_KEY = {"kid": match.like("k"), "kty": "OKP", "crv": "Ed25519", "x": match.like("AA")}
_BALANCES = {"available": match.int(120), "pending": match.int(0)}


def _sold_to_nobody(platform: Platform) -> Mapping[str, Any]:
    member_id = enrol(platform)
    platform.settle()
    anonymous = {**sale(platform, "sale-1", net_minor=12_000), "member": None}
    answer = till(platform).post("/v1/sales", anonymous)
    return {"member_id": member_id, "receipt_code": answer["receipt_code"]}


def _number_skipped(platform: Platform) -> Mapping[str, Any]:
    selling = till(platform)
    for number in (1, 3):
        body = {**sale(platform, f"sale-{number}", net_minor=100), "member": None}
        selling.post("/v1/sales", {**body, "terminal_counter": number})
    (found,) = platform.staff("manager").get("/v1/pos/exceptions")["items"]
    return {"exception_id": found["exception_id"]}


def _member(platform: Platform) -> Mapping[str, Any]:
    member_id = enrol(platform)
    platform.settle()
    return {"member_id": member_id}


CALLS = (
    *calls.CALLS,
    CallNeed(
        points.CLAIM_SALE,
        "a sale was recorded without a member",
        ("POST", "/v1/sales/sale-1/claim", _CLAIM),
        {"sale_id": "sale-1", "receipt_code": "2345", "member_id": MEMBER},
        {
            "sale_id": "sale-1",
            "member_id": uuid(),
            "points": {"earned": match.int(120), "not_earned": match.int(0)},
            "balances": _BALANCES,
        },
        _sold_to_nobody,
    ),
    CallNeed(
        points.LIST_POS_EXCEPTIONS,
        "a terminal skipped a number",
        ("GET", "/v1/pos/exceptions", None),
        {"limit": 50},
        {
            "items": match.each_like(_GAP, min=1),
            "next": None,
        },
        _number_skipped,
        takes=(),
    ),
    CallNeed(
        points.GET_POS_EXCEPTION,
        "a terminal skipped a number",
        ("GET", f"/v1/pos/exceptions/{MEMBER}", None),
        {"exception_id": MEMBER},
        _GAP,
        _number_skipped,
    ),
    CallNeed(
        points.RESOLVE_POS_EXCEPTION,
        "a terminal skipped a number",
        ("POST", f"/v1/pos/exceptions/{MEMBER}/resolve", _RESOLUTION),
        {"exception_id": MEMBER, **_RESOLUTION},
        {**_GAP, "status": "resolved", "resolution": _RESOLUTION},
        _number_skipped,
        asking=Actor("staff", "maya", ("manager",)),
    ),
    CallNeed(
        points.OFFLINE_ALLOWANCE,
        "a member may buy",
        ("GET", f"/v1/terminals/me/offline-allowance?member_id={MEMBER}", None),
        {"member_id": MEMBER, "member_status": "active"},
        {
            "points": match.int(0),
            "valid_until": instant(_AT),
            "signature": match.like("a.b.c"),
        },
        _member,
        asking=Actor("terminal", "t-1", (), "s-0"),
    ),
    CallNeed(
        points.ALLOWANCE_KEYS,
        "a member may buy",
        ("GET", "/v1/pos/jwks.json", None),
        {},
        {"keys": match.each_like(_KEY, min=1)},
        _member,
        takes=(),
    ),
)
