"""What the gateway needs of tiers; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pact import match

from shared.contracts.tiers import rpc as tiers
from tests.contracts.calls import CallNeed
from tests.contracts.needs import MEMBER, instant, uuid
from tests.contracts.states import enrol
from tests.support.platform import Platform

_AT = "2026-01-05T10:00:00Z"
_LEVELS = [
    {"code": "BASIC", "name": "Basic", "rank": 0, "threshold": 0, "multiplier": "1"},
    {
        "code": "PLUS",
        "name": "Plus",
        "rank": 1,
        "threshold": 10_000_000,
        "multiplier": "2",
        "benefits": [
            {"code": "SHIP", "kind": "free_shipping", "quota": {"count": 3, "per": "month"}}
        ],
    },
]
_DRAFT = {
    "name": "With benefits",
    "metric": "spend",
    "window": {"type": "lifetime"},
    "levels": _LEVELS,
}
_PLAN = {"plan": "plus-1", "name": "Plus", "tier": "PLUS", "months": 1, "price_minor": 990}
_PURCHASE = {"plan": "plus-1", "order_id": "o-1", "paid_minor": 990}
_USE = {"use_id": "u-1", "reference": "o-2"}
_WISH = {"tier": "GOLD", "reason": "Lost parcel", "expires_at": "2099-01-01T00:00:00Z"}
_NOTE = {"note": "Agreed"}

_SUBSCRIPTION = {
    "subscription_id": uuid(),
    "member_id": uuid(),
    "plan": match.like("plus-1"),
    "order_id": match.like("o-1"),
    "status": match.like("active"),
    "paid_minor": match.int(990),
    "refund_minor": match.int(0),
    "starts_at": instant(_AT),
    "ends_at": instant(_AT),
    "refundable_until": instant(_AT),
}
_USED = {
    "use_id": match.like("u-1"),
    "member_id": uuid(),
    "code": match.like("SHIP"),
    "status": match.like("used"),
    "quota": {"count": match.int(3), "used": match.int(1), "remaining": match.int(2)},
}
_PLAN_SHOWN = {**_PLAN, "cooling_off_days": match.int(14), "on_sale": match.bool(True)}
_VERSION = {
    "version": match.int(2),
    "name": match.like("With benefits"),
    "metric": match.like("spend"),
    "window": {"type": match.like("lifetime")},
    "grace_days": match.int(30),
    "review_months": match.int(12),
    "levels": match.each_like(
        {
            "code": match.like("BASIC"),
            "rank": match.int(0),
            "threshold": match.int(0),
            "multiplier": match.regex("1", regex=r"^\d+(\.\d+)?$"),
            "benefits": [],
        },
        min=1,
    ),
}


def _override(status: str) -> dict[str, Any]:
    return {
        "override_id": uuid(),
        "member_id": uuid(),
        "tier": match.like("GOLD"),
        "status": status,
        "levels_up": match.int(2),
        "reason": match.like("Lost parcel"),
        "expires_at": instant(_AT),
        "requested_by": match.like("maya"),
    }


def _page(item: Any) -> dict[str, Any]:
    return {"items": match.each_like(item, min=1), "next": None}


def _draft(platform: Platform) -> Mapping[str, Any]:
    made = platform.staff("manager").post("/v1/tier-programmes", _DRAFT)
    return {"version": made["version"]}


def _member(platform: Platform) -> Mapping[str, Any]:
    member_id = enrol(platform)
    platform.settle()
    return {"member_id": member_id}


def _asked(platform: Platform) -> Mapping[str, Any]:
    path = f"/v1/members/{_member(platform)['member_id']}/tier/overrides"
    made = platform.staff("manager").post(path, _WISH, status=202)
    return {"override_id": made["override_id"]}


def _given(platform: Platform) -> Mapping[str, Any]:
    path = f"/v1/members/{_member(platform)['member_id']}/tier/overrides"
    made = platform.staff("manager").post(path, {**_WISH, "tier": "SILVER"})
    return {"override_id": made["override_id"]}


def _on_sale(platform: Platform) -> Mapping[str, Any]:
    """Sell a tier with a benefit to a member, who may buy it."""
    manager = platform.staff("manager")
    version = _draft(platform)["version"]
    manager.post(f"/v1/tier-programmes/{version}/publish", status=200)
    manager.post("/v1/plans", _PLAN)
    return _member(platform)


def _bought(platform: Platform) -> Mapping[str, Any]:
    path = f"/v1/members/{_on_sale(platform)['member_id']}"
    shop = platform.shop()
    made = shop.post(f"{path}/subscriptions", _PURCHASE)
    shop.post(f"{path}/benefits/SHIP/uses", _USE)
    return {name: made[name] for name in ("member_id", "subscription_id")}


_SELLING, _WITH_PLUS = "a plan is on sale", "a member bought a tier and used a benefit"
_ASKED, _GIVEN = "a tier of two levels up was asked for", "a tier was given by hand"
_OVERRIDES = f"/v1/tier-overrides/{MEMBER}"
_MINE = f"/v1/members/{MEMBER}"

TIERS_CALLS = (
    CallNeed(
        tiers.PROGRAMME,
        "nothing was changed",
        ("GET", "/v1/tiers", None),
        {},
        {**_VERSION, "levels": match.each_like({"code": match.like("BRONZE")}, min=1)},
        lambda _platform: {},
    ),
    CallNeed(
        tiers.TIER_HISTORY,
        "a member enrolled",
        ("GET", f"{_MINE}/tier/history", None),
        {"member_id": MEMBER, "limit": 50, "after": None},
        _page(
            {
                "change_id": uuid(),
                "tier": match.like("BRONZE"),
                "reason": match.like("enrolled"),
                "have": match.int(0),
                "actor": {"kind": match.like("system"), "id": match.like("system")},
                "effective_from": instant(_AT),
            }
        ),
        _member,
    ),
    CallNeed(
        tiers.REQUEST_OVERRIDE,
        "a member enrolled",
        ("POST", f"{_MINE}/tier/overrides", {**_WISH, "tier": "SILVER"}),
        {**_WISH, "member_id": MEMBER, "tier": "SILVER"},
        _override("approved"),
        _member,
    ),
    CallNeed(
        tiers.OVERRIDE,
        _ASKED,
        ("GET", _OVERRIDES, None),
        {"override_id": MEMBER},
        _override("pending_approval"),
        _asked,
    ),
    CallNeed(
        tiers.OVERRIDES,
        _ASKED,
        ("GET", "/v1/tier-overrides?status=pending_approval", None),
        {"status": "pending_approval", "limit": 50, "after": None},
        _page(_override("pending_approval")),
        _asked,
        takes=(),
    ),
    CallNeed(
        tiers.APPROVE_OVERRIDE,
        _ASKED,
        ("POST", f"{_OVERRIDES}/approve", _NOTE),
        {"override_id": MEMBER, **_NOTE},
        _override("approved"),
        _asked,
    ),
    CallNeed(
        tiers.REJECT_OVERRIDE,
        _ASKED,
        ("POST", f"{_OVERRIDES}/reject", _NOTE),
        {"override_id": MEMBER, **_NOTE},
        _override("rejected"),
        _asked,
    ),
    CallNeed(
        tiers.REVOKE_OVERRIDE,
        _GIVEN,
        ("POST", f"{_OVERRIDES}/revoke", _NOTE),
        {"override_id": MEMBER, **_NOTE},
        _override("revoked"),
        _given,
    ),
    CallNeed(
        tiers.CREATE_PROGRAMME,
        "nothing was changed",
        ("POST", "/v1/tier-programmes", _DRAFT),
        _DRAFT,
        {**_VERSION, "status": "draft", "in_force": False},
        lambda _platform: {},
    ),
    CallNeed(
        tiers.PROGRAMME_VERSION,
        "a version is written",
        ("GET", "/v1/tier-programmes/2", None),
        {"version": 2},
        {**_VERSION, "status": "draft", "in_force": False},
        _draft,
    ),
    CallNeed(
        tiers.PROGRAMMES,
        "a version is written",
        ("GET", "/v1/tier-programmes", None),
        {"limit": 50, "after": None},
        _page({"version": match.int(2), "status": match.like("draft")}),
        _draft,
        takes=(),
    ),
    CallNeed(
        tiers.AMEND_PROGRAMME,
        "a version is written",
        ("PATCH", "/v1/tier-programmes/2", {"name": "Simpler"}),
        {"version": 2, "name": "Simpler"},
        {**_VERSION, "name": "Simpler", "status": "draft"},
        _draft,
    ),
    CallNeed(
        tiers.PUBLISH_PROGRAMME,
        "a version is written",
        ("POST", "/v1/tier-programmes/2/publish", {}),
        {"version": 2},
        {**_VERSION, "status": "published", "in_force": True, "effective_from": instant(_AT)},
        _draft,
    ),
    CallNeed(
        tiers.SIMULATE_PROGRAMME,
        "a version is written",
        ("POST", "/v1/tier-programmes/2/simulate", {}),
        {"version": 2},
        {"job_id": uuid()},
        _draft,
    ),
    CallNeed(
        tiers.CREATE_PLAN,
        "a tier can be sold",
        ("POST", "/v1/plans", {**_PLAN, "tier": "GOLD"}),
        {**_PLAN, "tier": "GOLD"},
        {**_PLAN_SHOWN, "tier": "GOLD"},
        lambda _platform: {},
    ),
    CallNeed(
        tiers.PLAN,
        _SELLING,
        ("GET", "/v1/plans/plus-1", None),
        {"plan": "plus-1"},
        _PLAN_SHOWN,
        _on_sale,
        takes=(),
    ),
    CallNeed(
        tiers.PLANS,
        _SELLING,
        ("GET", "/v1/plans", None),
        {"limit": 50, "after": None},
        _page(_PLAN_SHOWN),
        _on_sale,
        takes=(),
    ),
    CallNeed(
        tiers.AMEND_PLAN,
        _SELLING,
        ("PATCH", "/v1/plans/plus-1", {"on_sale": False}),
        {"plan": "plus-1", "on_sale": False},
        {**_PLAN_SHOWN, "on_sale": False},
        _on_sale,
        takes=(),
    ),
    CallNeed(
        tiers.BUY_PLAN,
        _SELLING,
        ("POST", f"{_MINE}/subscriptions", _PURCHASE),
        {**_PURCHASE, "member_id": MEMBER},
        _SUBSCRIPTION,
        _on_sale,
    ),
    CallNeed(
        tiers.SUBSCRIPTION,
        _WITH_PLUS,
        ("GET", f"{_MINE}/subscriptions/{MEMBER}", None),
        {"member_id": MEMBER, "subscription_id": MEMBER},
        _SUBSCRIPTION,
        _bought,
    ),
    CallNeed(
        tiers.SUBSCRIPTIONS,
        _WITH_PLUS,
        ("GET", f"{_MINE}/subscriptions", None),
        {"member_id": MEMBER, "limit": 50, "after": None},
        _page(_SUBSCRIPTION),
        _bought,
        takes=("member_id",),
    ),
    CallNeed(
        tiers.MEMBER_BENEFITS,
        _WITH_PLUS,
        ("GET", f"{_MINE}/benefits", None),
        {"member_id": MEMBER},
        {
            "tier": "PLUS",
            "items": match.each_like(
                {"code": "SHIP", "kind": "free_shipping", "value": None, "quota": _USED["quota"]},
                min=1,
            ),
        },
        _bought,
        takes=("member_id",),
    ),
    CallNeed(
        tiers.USE_BENEFIT,
        _WITH_PLUS,
        ("POST", f"{_MINE}/benefits/SHIP/uses", {**_USE, "use_id": "u-2"}),
        {**_USE, "use_id": "u-2", "member_id": MEMBER, "code": "SHIP"},
        _USED,
        _bought,
        takes=("member_id",),
    ),
    CallNeed(
        tiers.REVERSE_USE,
        _WITH_PLUS,
        ("DELETE", f"{_MINE}/benefits/SHIP/uses/u-1", None),
        {"member_id": MEMBER, "code": "SHIP", "use_id": "u-1"},
        {**_USED, "status": "reversed"},
        _bought,
        takes=("member_id",),
    ),
    CallNeed(
        tiers.CANCEL_SUBSCRIPTIONS,
        _WITH_PLUS,
        ("POST", f"{_MINE}/subscriptions/cancel", {}),
        {"member_id": MEMBER},
        {
            "items": match.each_like(
                {**_SUBSCRIPTION, "status": "refunded", "refund_minor": match.int(990)}, min=1
            )
        },
        _bought,
        takes=("member_id",),
    ),
)
