"""What the gateway needs of the calls that order and cancel rewards; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pact import match

from shared.calls import CallContext
from shared.contracts.coupons import rewards
from shared.contracts.points import holds
from shared.ids import new_id
from tests.contracts.calls import CallNeed
from tests.contracts.movement_calls import OCCURRED
from tests.contracts.needs import MEMBER, instant, uuid
from tests.contracts.states import ordered_reward, rich_member
from tests.support.platform import Platform

_REWARD = {"name": "Tea pot", "kind": "item", "points": 100}
_PATH = f"/v1/rewards/{MEMBER}/orders"
_ORDER = ("POST", _PATH, {"quantity": 1, "member_id": MEMBER})
_CANCEL = ("POST", f"/v1/reward-orders/{MEMBER}/cancel", {"reason_code": "out_of_stock"})
_WHY = {"reason_code": "out_of_stock", "merchant_fault": False}
_STANDS = {
    "order_id": uuid(),
    "reward_id": uuid(),
    "member_id": uuid(),
    "name": match.like("Tea pot"),
    "kind": match.like("item"),
    "quantity": match.int(1),
    "points": match.int(100),
    "coupon_ids": [],
    "ordered_at": instant(OCCURRED),
}


def _nothing(_platform: Platform) -> Mapping[str, Any]:
    return {}


def _offered(platform: Platform) -> Mapping[str, Any]:
    made = platform.staff("marketing").post("/v1/rewards", {**_REWARD, "stock": 5})
    request = {"request_key": "k", "fingerprint": "f"}
    return {"reward_id": made["reward_id"], "member_id": rich_member(platform), **request}


def _reserved(platform: Platform) -> Mapping[str, Any]:
    wanted = {**_offered(platform), "quantity": 1}
    reserved = platform.backend.call(rewards.RESERVE, wanted, CallContext("r-0")).body
    return {"order_id": reserved["order_id"]}


def _confirmed(platform: Platform) -> Mapping[str, Any]:
    order = _reserved(platform)
    confirmed = {**order, "hold_id": str(new_id())}
    platform.backend.call(rewards.CONFIRM, confirmed, CallContext("r-0"))
    return order


def _ordered(platform: Platform) -> Mapping[str, Any]:
    return {"order_id": ordered_reward(platform)["order_id"]}


REWARD_CALLS = (
    CallNeed(
        rewards.CREATE,
        "nothing is offered yet",
        ("POST", "/v1/rewards", _REWARD),
        _REWARD,
        {"reward_id": uuid(), "stock": None, **_REWARD},
        _nothing,
    ),
    CallNeed(
        rewards.RESERVE,
        "a reward is in stock",
        _ORDER,
        {"reward_id": MEMBER, "member_id": MEMBER, "quantity": 1},
        {"order_id": uuid(), "status": "reserved", "points": match.int(100)},
        _offered,
    ),
    CallNeed(
        rewards.CONFIRM,
        "an order has its stock",
        _ORDER,
        {"order_id": MEMBER, "hold_id": MEMBER},
        {"order_id": uuid(), "status": "confirmed"},
        _reserved,
    ),
    CallNeed(
        rewards.COMPLETE,
        "an order waits for its payment",
        _ORDER,
        {"order_id": MEMBER},
        {**_STANDS, "status": "ordered"},
        _confirmed,
    ),
    CallNeed(
        rewards.CANCEL,
        "a reward was ordered",
        _CANCEL,
        {"order_id": MEMBER, **_WHY},
        {**_STANDS, "status": "cancelled", "reason_code": "out_of_stock"},
        _ordered,
    ),
    CallNeed(
        holds.REFUND,
        "a reward was ordered",
        _CANCEL,
        {"order_id": MEMBER, **_WHY},
        {"order_id": uuid(), "points": match.int(100)},
        _ordered,
    ),
    CallNeed(
        rewards.FULFIL,
        "a reward was ordered",
        ("POST", f"/v1/reward-orders/{MEMBER}/fulfil", {}),
        {"order_id": MEMBER},
        {**_STANDS, "status": "fulfilled", "fulfilled_at": instant(OCCURRED)},
        _ordered,
    ),
)
