"""What the gateway needs of the calls about rewards, and for files of codes; see `calls`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from pact import match

from shared.calls import CallContext
from shared.contracts import jobs
from shared.contracts.coupons import rewards
from shared.contracts.coupons import rpc as coupons
from shared.contracts.platform import of
from shared.contracts.points import holds
from shared.errors.points import InsufficientPoints
from shared.ids import new_id
from tests.contracts.calls import CallNeed
from tests.contracts.movement_calls import OCCURRED
from tests.contracts.needs import MEMBER, instant, uuid
from tests.contracts.states import PHONE, enrol, ordered_reward, rich_member
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


_FILE = b"code\r\nVIP-2026-0001\r\n"
_DATA = base64.b64encode(_FILE).decode()
_DIGEST = jobs.input_digest([hashlib.sha256(_FILE).digest()])
_IMPORT = ("POST", f"/v1/campaigns/{MEMBER}/codes/import", _FILE)


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


def _on_offer(platform: Platform) -> Mapping[str, Any]:
    return {"reward_id": _offered(platform)["reward_id"]}


def _some_on_offer(platform: Platform) -> Mapping[str, Any]:
    _offered(platform)
    return {}


def _some_ordered(platform: Platform) -> Mapping[str, Any]:
    ordered_reward(platform)
    return {}


def _published(platform: Platform) -> Mapping[str, Any]:
    marketing = platform.staff("marketing")
    draft = {"name": "Spring", "kind": "amount_off", "value": 500}
    made = marketing.post("/v1/campaigns", {**draft, "validity": {"never_expires": True}})
    marketing.post(f"/v1/campaigns/{made['campaign_id']}/publish", status=200)
    return {"campaign_id": made["campaign_id"]}


def _importing(platform: Platform) -> Mapping[str, Any]:
    context = CallContext("r-0")
    return platform.backend.call(coupons.IMPORT_CODES, _published(platform), context).body


def _uploaded(platform: Platform) -> Mapping[str, Any]:
    job = _importing(platform)
    chunk = {**job, "seq": 0, "data": _DATA}
    platform.backend.call(of("coupons", jobs.ADD_JOB_INPUT), chunk, CallContext("r-0"))
    return job


def _held(platform: Platform) -> Mapping[str, Any]:
    campaign_id = _published(platform)["campaign_id"]
    member_id = enrol(platform)
    platform.settle()
    coupon = platform.shopper(PHONE).post(f"/v1/campaigns/{campaign_id}/claims")
    return {"member_id": member_id, "coupon_id": coupon["coupon_id"]}


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
    CallNeed(
        rewards.FREE,
        "an order has its stock",
        _ORDER,
        {"order_id": MEMBER, "hold_id": None},
        {"order_id": uuid(), "status": "released"},
        _reserved,
        refused=(holds.PLACE, InsufficientPoints),
    ),
    CallNeed(
        rewards.GET,
        "a reward is in stock",
        ("GET", f"/v1/rewards/{MEMBER}", None),
        {"reward_id": MEMBER},
        {"reward_id": uuid(), "stock": match.int(5), **_REWARD},
        _on_offer,
    ),
    CallNeed(
        rewards.LIST,
        "a reward is in stock",
        ("GET", "/v1/rewards", None),
        {"kind": None},
        {"items": match.each_like({"reward_id": uuid(), **_REWARD}, min=1), "next": None},
        _some_on_offer,
    ),
    CallNeed(
        rewards.AMEND,
        "a reward is in stock",
        ("PATCH", f"/v1/rewards/{MEMBER}", {"stock": 7}),
        {"reward_id": MEMBER, "stock": 7},
        {"reward_id": uuid(), **_REWARD, "stock": 7},
        _on_offer,
    ),
    CallNeed(
        rewards.ORDER,
        "a reward was ordered",
        ("GET", f"/v1/reward-orders/{MEMBER}", None),
        {"order_id": MEMBER},
        {**_STANDS, "status": "ordered"},
        _ordered,
    ),
    CallNeed(
        rewards.ORDERS,
        "a reward was ordered",
        ("GET", "/v1/reward-orders", None),
        {"member_id": None, "reward_id": None, "status": None},
        {"items": match.each_like({**_STANDS, "status": "ordered"}, min=1), "next": None},
        _some_ordered,
    ),
    CallNeed(
        coupons.IMPORT_CODES,
        "a campaign is published",
        _IMPORT,
        {"campaign_id": MEMBER},
        {"job_id": uuid()},
        _published,
    ),
    CallNeed(
        of("coupons", jobs.ADD_JOB_INPUT),
        "a job waits for its file",
        _IMPORT,
        {"job_id": MEMBER, "seq": 0, "data": _DATA},
        {"job_id": uuid()},
        _importing,
    ),
    CallNeed(
        of("coupons", jobs.END_JOB_INPUT),
        "a job has its file",
        _IMPORT,
        {"job_id": MEMBER, "chunks": 1, "digest": _DIGEST},
        {"job_id": uuid()},
        _uploaded,
    ),
    CallNeed(
        coupons.COUPON_CODE,
        "a member holds a coupon",
        ("GET", f"/v1/members/{MEMBER}/coupons/{MEMBER}/code.svg", None),
        {"member_id": MEMBER, "coupon_id": MEMBER},
        {"code": match.like("K7PX-3FQN-W9TA")},
        _held,
    ),
)
