"""What the gateway needs of the calls that move points beside sales; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pact import match

from shared.calls import Actor
from shared.contracts.method import Method
from shared.contracts.points import adjustments, holds, households, transfers
from tests.contracts.calls import CallNeed
from tests.contracts.needs import MEMBER, instant, uuid
from tests.contracts.states import enrol, sale, share, till
from tests.support.platform import Platform

OTHER_MEMBER = MEMBER[:-1] + "2"
OCCURRED = "2026-01-05T10:00:00Z"


def _member(platform: Platform) -> Mapping[str, Any]:
    member_id = enrol(platform)
    platform.settle()
    return {"member_id": member_id}


def _asked(platform: Platform) -> Mapping[str, Any]:
    """Let staff ask for more points than one person may give."""
    much = {**_ADJUSTMENT, **_member(platform), "points": 10_001}
    made = platform.staff("manager").post("/v1/points/adjustments", much, status=202)
    return {"adjustment_id": made["adjustment_id"]}


def _with_points(platform: Platform) -> Mapping[str, Any]:
    member_id = _member(platform)["member_id"]
    till(platform).post("/v1/sales", sale(platform, "sale-1", net_minor=12_000))
    return {"member_id": member_id}


def _held(platform: Platform) -> Mapping[str, Any]:
    hold = {**_HOLD, **_with_points(platform)}
    return {"hold_id": till(platform).post("/v1/points/holds", hold)["hold_id"]}


def _to_give(platform: Platform) -> Mapping[str, Any]:
    other = {"phone": "+8613800138001", "channel": "store"}
    taker = till(platform).post("/v1/members", other)["member_id"]
    return {"from_member_id": _with_points(platform)["member_id"], "to_member_id": taker}


def _shared(platform: Platform) -> Mapping[str, Any]:
    share(platform)
    platform.settle()
    (owned,) = platform.staff("support").get("/v1/households")["items"]
    (giver,) = (m["member_id"] for m in owned["members"] if m["role"] != "owner")
    given = {**_ADJUSTMENT, "member_id": giver}
    platform.staff("support").post("/v1/points/adjustments", given)
    return {"household_id": owned["household_id"]}


_ADJUSTMENT = {"member_id": MEMBER, "points": 250, "reason_code": "goodwill", "note": "Late."}
_TRANSFER = {"from_member_id": MEMBER, "to_member_id": OTHER_MEMBER, "points": 100}
_HOLD = {"member_id": MEMBER, "points": 100, "order_id": "order-1"}

_SECOND_PERSON = Actor("staff", "maya", ("manager",))


def _decide(method: Method, act: str, status: str) -> CallNeed:
    return CallNeed(
        method,
        "an adjustment waits for a second person",
        ("POST", f"/v1/points/adjustments/{MEMBER}/{act}", {}),
        {"adjustment_id": MEMBER},
        {"adjustment_id": uuid(), "points": match.int(10_001), "status": status},
        _asked,
        asking=_SECOND_PERSON,
    )


MOVEMENT_CALLS = (
    CallNeed(
        holds.PLACE,
        "a member has 120 points",
        ("POST", "/v1/points/holds", _HOLD),
        {**_HOLD, "exists": False},
        {
            "hold_id": uuid(),
            "points": match.int(100),
            "status": "held",
            "expires_at": instant(OCCURRED),
        },
        _with_points,
    ),
    CallNeed(
        holds.CAPTURE,
        "an order holds 100 points",
        ("POST", f"/v1/points/holds/{MEMBER}/capture", {"points": 60}),
        {"hold_id": MEMBER, "points": 60},
        {"hold_id": uuid(), "captured": match.int(60), "status": "captured"},
        _held,
    ),
    CallNeed(
        adjustments.ADJUST,
        "a member enrolled",
        ("POST", "/v1/points/adjustments", _ADJUSTMENT),
        {**_ADJUSTMENT, "exists": False},
        {"adjustment_id": uuid(), "points": match.int(250), "status": "approved"},
        _member,
    ),
    _decide(adjustments.APPROVE, "approve", "approved"),
    _decide(adjustments.REJECT, "reject", "rejected"),
    CallNeed(
        transfers.TRANSFER,
        "a member has 120 points",
        ("POST", "/v1/points/transfers", _TRANSFER),
        {**_TRANSFER, "exists": False},
        {"transfer_id": uuid(), "points": match.int(100)},
        _to_give,
    ),
    CallNeed(
        households.POOL,
        "a household has 250 points",
        ("POST", f"/v1/households/{MEMBER}/pool", {"points": 100}),
        {"household_id": MEMBER, "points": 100},
        {
            "household_id": uuid(),
            "owner_member_id": uuid(),
            "points": match.int(100),
            "transfers": match.each_like(
                {"transfer_id": uuid(), "from_member_id": uuid(), "points": match.int(100)}, min=1
            ),
            "skipped": [],
        },
        _shared,
    ),
    CallNeed(
        households.POINTS,
        "a household has 250 points",
        ("GET", f"/v1/households/{MEMBER}/points", None),
        {"household_id": MEMBER},
        {
            "owner_member_id": uuid(),
            "available": match.int(250),
            "members": match.each_like({"member_id": uuid(), "available": match.int(250)}, min=1),
        },
        _shared,
    ),
)
