"""What the gateway needs of each service's calls: the request it makes, the fields it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pact import match

from shared.calls import SYSTEM, Actor, CallContext
from shared.clock import rfc3339
from shared.contracts.coupons import rpc as coupons
from shared.contracts.identity import rpc as identity
from shared.contracts.members import rpc as members
from shared.contracts.method import Method
from shared.contracts.points import rpc as points
from shared.contracts.tiers import rpc as tiers
from shared.errors import LoyaltyError
from tests.contracts.needs import MEMBER, instant, uuid
from tests.contracts.states import PHONE, enrol, sale, till
from tests.support.platform import Platform

Http = tuple[str, str, Any]
"""Method, path and body of the HTTP request that makes the gateway call."""
_OCCURRED = "2026-01-05T10:00:00Z"
_LINE = {"line_id": "1", "sku": "tea", "quantity": 2, "net_minor": 12_000}
SALE = {
    "sale_id": "sale-1",
    "occurred_at": _OCCURRED,
    "currency": "CNY",
    "member": {"type": "phone", "value": PHONE},
    "lines": [_LINE],
}
_BALANCES = {
    "available": match.int(120),
    "pending": match.int(0),
    "held": match.int(0),
    "debt": match.int(0),
}


@dataclass(frozen=True)
class CallNeed:
    """One call the gateway makes, and what it relies on in the answer."""

    method: Method
    state: str
    http: Http = field(hash=False)
    request: Mapping[str, Any] = field(hash=False)
    """What the gateway sends, as far as the provider must understand it."""
    answer: Any = field(hash=False)
    arrange: Callable[[Platform], Mapping[str, Any]] = field(hash=False)
    """Makes the provider's state; returns the request's values that depend on it."""
    refused: tuple[Method, type[LoyaltyError]] | None = None
    """Another call and its refusal, upon which the gateway makes this one to undo what it did."""
    asking: Actor = SYSTEM
    takes: tuple[str, ...] | None = None
    """Which of these values are this request's, where a state has more; None is all."""

    @property
    def description(self) -> str:
        """Name the call in the pact."""
        return f"{self.method.routing_key} when {self.state}"


def _nothing(_platform: Platform) -> Mapping[str, Any]:
    return {}


def _member(platform: Platform) -> Mapping[str, Any]:
    member_id = enrol(platform)
    platform.settle()
    return {"member_id": member_id}


def _to_sell(platform: Platform) -> Mapping[str, Any]:
    return {**_member(platform), "occurred_at": sale(platform, "x", net_minor=1)["occurred_at"]}


def _last_month(platform: Platform) -> Mapping[str, Any]:
    now = platform.now()
    return {"from": rfc3339(now - timedelta(days=30)), "until": rfc3339(now)}


def _client(platform: Platform) -> Mapping[str, Any]:
    made = platform.admin().post("/v1/clients", {"name": "web", "role": "shop"})
    return {name: made[name] for name in ("client_id", "client_secret")}


def _sold(platform: Platform) -> Mapping[str, Any]:
    enrol(platform)
    till(platform).post("/v1/sales", sale(platform, "sale-1", net_minor=12_000))
    return {"occurred_at": sale(platform, "x", net_minor=1)["occurred_at"]}


def _public_code(platform: Platform) -> Mapping[str, Any]:
    """Publish a campaign whose code anybody may use."""
    marketing = platform.staff("marketing")
    campaign = {
        "name": "Welcome",
        "kind": "amount_off",
        "value": 500,
        "validity": {"never_expires": True},
        "code": {"type": "public", "value": "WELCOME"},
    }
    made = marketing.post("/v1/campaigns", campaign)
    marketing.post(f"/v1/campaigns/{made['campaign_id']}/publish", status=200)
    now = platform.now()
    return {
        **_member(platform),
        "occurred_at": rfc3339(now),
        "opened_at": rfc3339(now),
        "expires_at": rfc3339(now + timedelta(minutes=15)),
    }


def _reserved(platform: Platform) -> Mapping[str, Any]:
    order = {**_RESERVATION, **_public_code(platform)}
    platform.backend.call(coupons.RESERVE, order, CallContext("r-0"))
    return {}


_RULE = {"name": "Twice", "kind": "multiplier", "value": "2"}
_ACTIVITY = {"activity_id": "a-1", "activity": "check_in", "occurred_at": _OCCURRED}
_TRIED = {"currency": "CNY", "lines": [_LINE]}
_PERIOD = {"from": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z", "rules": [_RULE]}


def _rule_draft(platform: Platform) -> Mapping[str, Any]:
    made = platform.staff("marketing").post("/v1/earning-rules", _RULE)
    return {"rule_id": made["rule_id"]}


_COUPON_SALE = {**SALE, "coupons": ["WELCOME"]}
_RESERVATION = {
    "order_id": "sale-1",
    "member_id": MEMBER,
    "store_id": None,
    "channel": "web",
    "currency": "CNY",
    "occurred_at": _OCCURRED,
    "opened_at": _OCCURRED,
    "expires_at": _OCCURRED,
    "lines": [_LINE],
    "codes": ["WELCOME"],
}
_QUOTE = {"currency": "CNY", "lines": [_LINE], "codes": ["WELCOME"]}
_RETURN = {
    "return_id": "r-1",
    "occurred_at": _OCCURRED,
    "lines": [{"line_id": "1", "quantity": 1, "net_minor": 6_000}],
    "reason_code": "defect",
}

CALLS = (
    CallNeed(
        identity.ISSUE_TOKEN,
        "a shop client exists",
        (
            "POST",
            "/v1/auth/token",
            {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s"},
        ),
        {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s"},
        {
            "access_token": match.like("a.b.c"),
            "token_type": "Bearer",
            "expires_in": match.int(900),
            "scope": match.like("sales:write"),
        },
        _client,
    ),
    CallNeed(
        members.ENROL,
        "the phone is free",
        ("POST", "/v1/members", {"phone": PHONE, "channel": "store"}),
        {"phone": PHONE, "channel": "store"},
        {"member_id": uuid(), "status": match.like("active")},
        _nothing,
    ),
    CallNeed(
        members.LOOKUP_MANY,
        "a member has this phone",
        ("POST", "/v1/sales", SALE),
        {"references": [{"type": "phone", "value": PHONE}]},
        {
            "results": match.each_like(
                {"found": match.bool(True), "member_id": uuid(), "status": match.like("active")},
                min=1,
            )
        },
        lambda platform: {k: v for k, v in _member(platform).items() if k != "member_id"},
    ),
    CallNeed(
        points.RECORD_SALE,
        "a member may buy",
        ("POST", "/v1/sales", SALE),
        {
            "sale_id": "sale-1",
            "member_id": MEMBER,
            "occurred_at": _OCCURRED,
            "currency": "CNY",
            "lines": [_LINE],
        },
        {
            "sale_id": "sale-1",
            "points": {"earned": match.int(120), "pending": match.int(0)},
            "balances": _BALANCES,
            "totals": {"payable_minor": match.int(12_000)},
            "coupons": {"applied": [], "skipped": [], "rejected": []},
        },
        _to_sell,
    ),
    CallNeed(
        points.OPEN_CHECKOUT,
        "the order is new",
        ("POST", "/v1/sales", _COUPON_SALE),
        {"order_id": "sale-1", "member_id": MEMBER},
        {
            "order_id": "sale-1",
            "status": "open",
            "attempt": match.int(1),
            "opened_at": instant(_OCCURRED),
            "expires_at": instant(_OCCURRED),
        },
        lambda platform: {**_member(platform), "digest": "d" * 64},
    ),
    CallNeed(
        coupons.RESERVE,
        "a public code takes 5.00 off",
        ("POST", "/v1/sales", _COUPON_SALE),
        _RESERVATION,
        {
            "applied": [
                {
                    "code": "WELCOME",
                    "coupon_id": None,
                    "campaign_id": uuid(),
                    "name": match.like("Welcome"),
                    "discount_minor": 500,
                    "line_discounts": [{"line_id": "1", "discount_minor": 500}],
                }
            ],
            "skipped": [],
            "rejected": [],
        },
        _public_code,
    ),
    CallNeed(
        coupons.QUOTE,
        "a public code takes 5.00 off",
        ("POST", "/v1/coupons/quote", _QUOTE),
        {**_QUOTE, "member_id": None, "channel": "web"},
        {
            "applied": [
                {
                    "code": "WELCOME",
                    "coupon_id": None,
                    "campaign_id": uuid(),
                    "gift_sku": None,
                    "discount_minor": 500,
                    "line_discounts": [{"line_id": "1", "discount_minor": 500}],
                }
            ],
            "skipped": [],
            "rejected": [],
            "discount_minor": 500,
        },
        _public_code,
        takes=(),
    ),
    CallNeed(
        coupons.CONFIRM,
        "the order holds a coupon",
        ("POST", "/v1/sales", _COUPON_SALE),
        {"order_id": "sale-1"},
        {"order_id": "sale-1"},
        _reserved,
    ),
    CallNeed(
        points.RETURN_SALE,
        "a sale was recorded",
        ("POST", "/v1/sales/sale-1/returns", _RETURN),
        {"sale_id": "sale-1", **_RETURN},
        {
            "points": {"clawed_back": match.int(60), "debt": match.int(0)},
            "refund": {"money_minor": match.int(6_000)},
        },
        _sold,
    ),
    CallNeed(
        points.CREATE_RULE,
        "no rule is written yet",
        ("POST", "/v1/earning-rules", _RULE),
        _RULE,
        {"rule_id": uuid(), "status": "draft", "version": 0, **_RULE},
        _nothing,
    ),
    CallNeed(
        points.PUBLISH_RULE,
        "a rule is written",
        ("POST", f"/v1/earning-rules/{MEMBER}/publish", {}),
        {"rule_id": MEMBER},
        {"rule_id": uuid(), "status": "published", "version": 1},
        _rule_draft,
    ),
    CallNeed(
        points.SIMULATE_RULES,
        "no rule is published",
        ("POST", "/v1/earning-rules/simulate", {"sale": _TRIED, "rules": [_RULE]}),
        {"sale": {**_TRIED, "member_id": None, "member_status": None}, "rules": [_RULE]},
        {"points": {"earned": match.int(240), "pending": match.int(0)}},
        _nothing,
    ),
    CallNeed(
        points.SIMULATE_PERIOD,
        "sales may have happened",
        ("POST", "/v1/earning-rules/simulate-period", _PERIOD),
        _PERIOD,
        {"job_id": uuid()},
        _last_month,
    ),
    CallNeed(
        points.RECORD_ACTIVITY,
        "a member may check in",
        (
            "POST",
            "/v1/points/activities",
            {**_ACTIVITY, "member": {"type": "phone", "value": PHONE}},
        ),
        {**_ACTIVITY, "member_id": MEMBER},
        {
            "activity_id": "a-1",
            "counted": True,
            "streak": match.int(1),
            "points": {"earned": match.int(0)},
            "balances": _BALANCES,
        },
        _to_sell,
    ),
    CallNeed(
        points.BALANCE,
        "a member enrolled",
        ("GET", f"/v1/members/{MEMBER}/points", None),
        {"member_id": MEMBER},
        {"member_id": uuid(), "balances": _BALANCES},
        _member,
    ),
    CallNeed(
        tiers.MEMBER_TIER,
        "a member enrolled",
        ("GET", f"/v1/members/{MEMBER}/wallet", None),
        {"member_id": MEMBER},
        {
            "tier": {"code": match.like("BRONZE"), "rank": match.int(0)},
            "since": instant(_OCCURRED),
            "benefits": [],
        },
        _member,
    ),
    CallNeed(
        coupons.WALLET,
        "a member enrolled",
        ("GET", f"/v1/members/{MEMBER}/wallet", None),
        {"member_id": MEMBER, "owner": False},
        {"items": [], "next": None},
        _member,
    ),
    CallNeed(
        members.GET,
        "a member enrolled",
        ("GET", f"/v1/members/{MEMBER}/wallet", None),
        {"member_id": MEMBER},
        {
            "member_id": uuid(),
            "status": match.like("active"),
            "enrolled_at": instant(_OCCURRED),
        },
        _member,
    ),
)
