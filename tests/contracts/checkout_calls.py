"""What the gateway needs of the calls behind quotes and checkouts; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pact import match

from shared.calls import CallContext
from shared.clock import rfc3339
from shared.contracts.coupons import rpc as coupons
from shared.contracts.points import rpc as points
from tests.contracts.calls import CallNeed
from tests.contracts.needs import MEMBER, instant, uuid
from tests.support.platform import Platform

OCCURRED = "2026-01-05T10:00:00Z"
ORDER = "web-1"
_LINE = {"line_id": "1", "sku": "tea", "quantity": 2, "net_minor": 12_000}
_QUOTE = {"currency": "CNY", "channel": "web", "lines": [_LINE]}
_BASKET = {"order_id": ORDER, **_QUOTE}
_ASKED = {
    "currency": "CNY",
    "member_id": None,
    "store_id": None,
    "channel": "web",
    "points_to_redeem": 0,
    "lines": [{**_LINE, "discount_minor": 0}],
}
_USE = {
    "coupon_id": None,
    "campaign_id": MEMBER,
    "version": 1,
    "discount_minor": 500,
    "line_discounts": [{"line_id": "1", "discount_minor": 500}],
}


def _nothing(_platform: Platform) -> Mapping[str, Any]:
    return {}


def _asked_for(platform: Platform) -> Mapping[str, Any]:
    """Quote a basket; returns what an order needs that is opened by it."""
    context = CallContext("r-0")
    sale = platform.backend.call(points.QUOTE_SALE, _ASKED, context).body
    applied = [{**_USE, "code": "****COME", "name": "Welcome"}]
    promise = {
        **{name: _ASKED[name] for name in ("currency", "store_id", "channel", "lines")},
        "quote_id": MEMBER,
        "valid_until": rfc3339(platform.now() + timedelta(minutes=15)),
        "tender": [0],
        "totals": sale["totals"],
        "member_price": None,
        "coupons": {"applied": applied, "skipped": [], "rejected": []},
        "points_to_redeem": 0,
        "earned": 0,
        "judged_by": sale["judged_by"],
    }
    return {"digest": "d", "promise": promise}


def _opened(platform: Platform) -> Mapping[str, Any]:
    order = {"order_id": ORDER, "member_id": None, **_asked_for(platform)}
    platform.backend.call(points.OPEN_CHECKOUT, order, CallContext("r-0"))
    return {}


def _ready(platform: Platform) -> Mapping[str, Any]:
    _opened(platform)
    opening = {"order_id": ORDER, "attempt": 1}
    platform.backend.call(points.READY_CHECKOUT, opening, CallContext("r-0"))
    return {}


def _to_complete(platform: Platform) -> Mapping[str, Any]:
    _ready(platform)
    return {"paid_at": rfc3339(platform.now())}


def _promised(platform: Platform) -> Mapping[str, Any]:
    """Publish what was promised; returns when and what."""
    marketing = platform.staff("marketing")
    code = {"type": "public", "value": "WELCOME"}
    draft = {"name": "Welcome", "kind": "amount_off", "value": 500, "code": code}
    made = marketing.post("/v1/campaigns", {**draft, "validity": {"never_expires": True}})
    marketing.post(f"/v1/campaigns/{made['campaign_id']}/publish", status=200)
    now = platform.now()
    return {
        "promised_at": rfc3339(now),
        "opened_at": rfc3339(now),
        "expires_at": rfc3339(now + timedelta(minutes=30)),
        "uses": [{**_USE, "campaign_id": made["campaign_id"]}],
    }


_PROMISE = {
    "quote_id": uuid(),
    "currency": "CNY",
    "store_id": None,
    "channel": "web",
    "lines": match.each_like(
        {"line_id": "1", "net_minor": match.int(12_000), "discount_minor": match.int(0)},
        min=1,
    ),
    "tender": match.each_like(match.int(0), min=1),
    "totals": {
        "gross_minor": match.int(12_000),
        "discount_minor": match.int(0),
        "points_minor": match.int(0),
        "payable_minor": match.int(12_000),
    },
    "member_price": None,
    "coupons": {
        "applied": match.each_like(
            {
                "code": match.like("****COME"),
                "coupon_id": None,
                "campaign_id": uuid(),
                "version": match.int(1),
                "name": match.like("Welcome"),
                "discount_minor": match.int(500),
                "line_discounts": match.each_like(
                    {"line_id": match.like("1"), "discount_minor": match.int(500)}, min=1
                ),
            },
            min=1,
        ),
        "skipped": [],
        "rejected": [],
    },
    "points_to_redeem": match.int(0),
    "earned": match.int(0),
    "judged_by": {"at": instant(OCCURRED)},
}
"""What the gateway reads of what an order was promised."""


def _order(status: str, *, is_ready: bool) -> dict[str, Any]:
    """Return what the gateway reads of an order."""
    return {
        "order_id": ORDER,
        "status": status,
        "attempt": match.int(1),
        "opened_at": instant(OCCURRED),
        "expires_at": instant(OCCURRED),
        "member_id": None,
        "is_ready": is_ready,
        "closed_at": None if status == "open" else instant(OCCURRED),
        "reason_code": None if status == "open" else "fraud",
        "hold": None,
        "promise": _PROMISE,
    }


CHECKOUT_CALLS = (
    CallNeed(
        points.QUOTE_SALE,
        "no rule is published",
        ("POST", "/v1/quotes", _QUOTE),
        _ASKED,
        {
            "totals": {
                "gross_minor": match.int(12_000),
                "discount_minor": match.int(0),
                "points_minor": match.int(0),
                "payable_minor": match.int(12_000),
            },
            "lines": match.each_like({"points_minor": match.int(0)}, min=1),
            "points": {"earned": match.int(0), "pending": match.int(0), "available_on": None},
            "explain": [],
            "judged_by": {
                "at": instant(OCCURRED),
                "tier": None,
                "multiplier": match.like("1"),
                "rules": [],
                "has_open_order": False,
            },
        },
        _nothing,
    ),
    CallNeed(
        points.OPEN_CHECKOUT,
        "the order was promised something",
        ("POST", "/v1/checkouts", _BASKET),
        {"order_id": ORDER, "member_id": None},
        _order("open", is_ready=False),
        _asked_for,
    ),
    CallNeed(
        coupons.RESERVE_PROMISED,
        "a public code was promised",
        ("POST", "/v1/checkouts", _BASKET),
        {"order_id": ORDER, "member_id": None, "store_id": None, "channel": "web"},
        {"order_id": ORDER, "status": "reserved"},
        _promised,
    ),
    CallNeed(
        points.READY_CHECKOUT,
        "the order is open",
        ("POST", "/v1/checkouts", _BASKET),
        {"order_id": ORDER, "attempt": 1},
        _order("open", is_ready=True),
        _opened,
    ),
    CallNeed(
        points.CHECKOUT,
        "the order is ready",
        ("GET", f"/v1/checkouts/{ORDER}", None),
        {"order_id": ORDER},
        _order("open", is_ready=True),
        _ready,
    ),
    CallNeed(
        points.COMPLETE_CHECKOUT,
        "the order is ready",
        ("POST", f"/v1/checkouts/{ORDER}/complete", {"paid_at": OCCURRED}),
        {"order_id": ORDER, "paid_at": OCCURRED},
        {"sale_id": ORDER, "totals": {"payable_minor": match.int(12_000)}},
        _to_complete,
    ),
    CallNeed(
        points.CANCEL_CHECKOUT,
        "the order is ready",
        ("POST", f"/v1/checkouts/{ORDER}/cancel", {"reason_code": "fraud"}),
        {"order_id": ORDER, "reason_code": "fraud"},
        _order("cancelled", is_ready=True),
        _ready,
    ),
)
