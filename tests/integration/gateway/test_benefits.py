"""Benefits and paid membership over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.platform import Person, Platform

PHONE = "+8613800138000"
SHIPPING = {
    "code": "SHIP",
    "kind": "free_shipping",
    "quota": {"count": 1, "per": "month"},
}
DRAFT: dict[str, Any] = {
    "name": "With benefits",
    "metric": "spend",
    "window": {"type": "lifetime"},
    "levels": [
        {"code": "BASIC", "name": "Basic", "rank": 0, "threshold": 0, "multiplier": "1"},
        {
            "code": "PLUS",
            "name": "Plus",
            "rank": 1,
            "threshold": 10_000_000,
            "multiplier": "2",
            "benefits": [SHIPPING, {"code": "PRICE", "kind": "member_price", "value": 7}],
        },
    ],
}
PLAN = {"plan": "plus-1", "name": "Plus", "tier": "PLUS", "months": 1, "price_minor": 990}


@pytest.fixture
def shopper(platform: Platform) -> Person:
    """A member, on a platform that sells a tier with benefits."""
    platform.terminal().post("/v1/members", {"phone": PHONE, "channel": "store"})
    manager = platform.staff("manager")
    made = manager.post("/v1/tier-programmes", DRAFT)
    manager.post(f"/v1/tier-programmes/{made['version']}/publish", status=200)
    manager.post("/v1/plans", PLAN)
    platform.settle()
    return platform.shopper(PHONE)


@pytest.mark.rule("T6", "T7")
def test_bought_tier_gives_benefits_that_the_shop_uses_once(
    platform: Platform, shopper: Person
) -> None:
    me = shopper.get("/v1/members/me")["member_id"]
    shop = platform.shop()
    purchase = {"plan": "plus-1", "order_id": "o-1", "paid_minor": 990}
    bought = shop.post(f"/v1/members/{me}/subscriptions", purchase)
    status, again, headers = shop.request("POST", f"/v1/members/{me}/subscriptions", purchase)
    assert (status, again, headers["Idempotency-Replayed"]) == (200, bought, "true")
    wallet = shopper.get("/v1/members/me/wallet")
    assert (wallet["tier"]["tier"]["code"], wallet["tier"]["source"]) == ("PLUS", "purchased")
    assert [each["value"] for each in wallet["benefits"]] == [None, 7]
    uses = f"/v1/members/{me}/benefits/SHIP/uses"
    used = shop.post(uses, {"use_id": "u-1", "reference": "o-2"})
    assert used["quota"]["remaining"] == 0
    assert shop.post(uses, {"use_id": "u-1", "reference": "o-2"}, status=200) == used
    exhausted = shop.post(uses, {"use_id": "u-2", "reference": "o-3"}, status=422)
    assert exhausted["code"] == "benefit_exhausted"
    status, taken_back, _ = shop.request("DELETE", f"{uses}/u-1")
    assert (status, taken_back["status"]) == (200, "reversed")
    assert shop.get(f"/v1/members/{me}/benefits")["items"][0]["quota"]["remaining"] == 1
    assert shopper.request("POST", uses, {"use_id": "u-3", "reference": "o-3"})[0] == 403
    assert shopper.request("GET", "/v1/members/me/benefits")[0] == 200


@pytest.mark.rule("T7")
def test_member_cancels_and_gets_its_money_back(platform: Platform, shopper: Person) -> None:
    me = shopper.get("/v1/members/me")["member_id"]
    purchase = {"plan": "plus-1", "order_id": "o-1", "paid_minor": 990}
    bought = platform.shop().post(f"/v1/members/{me}/subscriptions", purchase)
    one = f"/v1/members/me/subscriptions/{bought['subscription_id']}"
    assert shopper.get(one) == bought
    cancelled = shopper.post("/v1/members/me/subscriptions/cancel", status=200)["items"]
    assert [(each["status"], each["refund_minor"]) for each in cancelled] == [("refunded", 990)]
    assert shopper.get("/v1/members/me/subscriptions")["items"] == cancelled
    assert shopper.get("/v1/members/me/tier")["tier"]["code"] == "BASIC"
    assert [each["plan"] for each in shopper.get("/v1/plans")["items"]] == ["plus-1"]
    assert shopper.get("/v1/plans/plus-1")["on_sale"] is True
    manager = platform.staff("manager")
    assert manager.request("PATCH", "/v1/plans/plus-1", {"on_sale": False})[1]["on_sale"] is False
