"""Quotes over HTTP, with all services behind the gateway (H1, H3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from shared.clock import parse_rfc3339
from shared.contracts.platform import SERVICES
from tests.support.platform import Person, Platform
from tests.support.postgres import ServiceDatabase

PHONE, OTHER_PHONE = "13800138000", "13900139000"
DRAFT = {"name": "Spring", "kind": "amount_off", "value": 500, "validity": {"never_expires": True}}
PRICES = {
    "metric": "qualifying_points",
    "window": {"type": "rolling", "months": 12},
    "review_months": 12,
    "grace_days": 30,
    "name": "Prices",
    "levels": [
        {
            "code": "BRONZE",
            "name": "Bronze",
            "rank": 0,
            "threshold": 0,
            "multiplier": "1",
            "benefits": [
                {"code": "PRICE", "name": "Member price", "kind": "member_price", "value": 5}
            ],
        }
    ],
}


@dataclass
class World:
    platform: Platform
    shop: Person
    marketing: Person
    member_id: str
    member: Person

    def quote(self, *nets: int, status: int = 200, **more: Any) -> dict[str, Any]:
        """Return the shop's quote of lines of these prices for the member."""
        return self.shop.post("/v1/quotes", self.basket(*nets, **more), status=status)

    def basket(self, *nets: int, **more: Any) -> dict[str, Any]:
        lines = [
            {"line_id": str(place), "sku": "tea", "quantity": 1, "net_minor": net}
            for place, net in enumerate(nets, start=1)
        ]
        member = {"type": "phone", "value": PHONE}
        return {"currency": "CNY", "channel": "web", "lines": lines, "member": member, **more}

    def claim(self, **terms: Any) -> str:
        """Publish a campaign and let the member claim its coupon; return the code."""
        made = self.marketing.post("/v1/campaigns", {**DRAFT, **terms})
        path = f"/v1/campaigns/{made['campaign_id']}"
        self.marketing.post(f"{path}/publish", status=200)
        return str(self.member.post(f"{path}/claims")["code"])

    def give(self, points: int) -> None:
        body = {"member_id": self.member_id, "points": points, "reason_code": "goodwill"}
        manager = self.platform.staff("manager")
        manager.post("/v1/points/adjustments", {**body, "note": "Sorry."})


@pytest.fixture
def world(service_database: Callable[[str], ServiceDatabase]) -> World:
    platform = Platform({name: service_database(name) for name in SERVICES})
    shop, marketing = platform.shop(), platform.staff("marketing")
    enrolled = shop.post("/v1/members", {"phone": PHONE, "channel": "web"})
    platform.settle()
    return World(platform, shop, marketing, enrolled["member_id"], platform.shopper(PHONE))


@pytest.mark.rule("H1", "H3", "C7", "T6")
def test_quote_takes_member_price_then_coupons_then_points(world: World) -> None:
    manager = world.platform.staff("manager")
    drafted = manager.post("/v1/tier-programmes", PRICES)
    manager.post(f"/v1/tier-programmes/{drafted['version']}/publish", status=200)
    world.platform.advance_clock(seconds=2)
    world.give(1_000)
    code = world.claim(kind="percent_off", value=10)

    found = world.quote(6_000, 2_001, codes=[code, "NOSUCHCODE"], points_to_redeem=700)

    # 5 % member price: 300 and 100; 10 % of the 7,601 left: 760; points 700.
    assert found["member_price"] == {"tier": "BRONZE", "percent": 5, "discount_minor": 400}
    assert found["totals"] == {
        "gross_minor": 8_001,
        "discount_minor": 1_160,
        "points_minor": 700,
        "payable_minor": 6_141,
    }
    assert found["points"]["redeemed"] == 700
    assert found["points"]["earned"] == 61
    assert [each["code"] for each in found["coupons"]["applied"]] == [code]
    assert [each["reason"] for each in found["coupons"]["rejected"]] == ["unknown"]
    assert_adds_up(found)
    # Services' sandbox clocks differ by a moment.
    lasts = parse_rfc3339(found["valid_until"]) - world.platform.now()
    assert round(lasts / timedelta(minutes=1)) == 15
    world.platform.settle()
    balances = world.member.get("/v1/members/me/points")["balances"]
    assert (balances["available"], balances["held"]) == (1_000, 0)


@pytest.mark.rule("H3")
@pytest.mark.parametrize(
    ("points", "code"),
    [(99, "redemption_out_of_range"), (501, "redemption_out_of_range"), (300, None),
     (400, "insufficient_points")],
)  # fmt: skip
def test_points_pay_from_100_up_to_half_and_what_is_there(
    world: World, points: int, code: str | None
) -> None:
    world.give(300)
    found = world.quote(1_000, points_to_redeem=points, status=422 if code else 200)
    assert found.get("code") == code


def test_quote_without_member_earns_nothing_and_takes_public_codes(world: World) -> None:
    public = {"code": {"type": "public", "value": "WELCOME"}}
    made = world.marketing.post("/v1/campaigns", {**DRAFT, **public})
    world.marketing.post(f"/v1/campaigns/{made['campaign_id']}/publish", status=200)
    found = world.quote(2_000, member=None, codes=["welcome"])
    assert found["totals"]["payable_minor"] == 1_500
    assert (found["member_id"], found["points"]["earned"]) == (None, 0)
    refused = world.quote(2_000, member=None, points_to_redeem=100, status=422)
    assert refused["code"] == "member_required"


@pytest.mark.rule("C8")
def test_member_asks_for_itself_only_and_learns_nothing_of_others_codes(world: World) -> None:
    code = world.claim()
    world.shop.post("/v1/members", {"phone": OTHER_PHONE, "channel": "web"})
    world.platform.settle()
    other = world.platform.shopper(OTHER_PHONE)
    own = world.member.post(
        "/v1/quotes", world.basket(1_000, member=None, codes=[code]), status=200
    )
    assert own["member_id"] == world.member_id
    assert own["totals"]["discount_minor"] == 500
    foreign = other.post("/v1/quotes", world.basket(1_000, member=None, codes=[code]), status=200)
    assert [each["reason"] for each in foreign["coupons"]["rejected"]] == ["not_usable"]
    other.post("/v1/quotes", world.basket(1_000), status=404)
    stranger = world.platform.shopper("13700137000")
    stranger.post("/v1/quotes", world.basket(1_000, member=None), status=404)
    world.platform.staff("auditor").post("/v1/quotes", world.basket(1_000), status=403)


def test_quote_is_refused_for_who_may_not_buy_and_what_cannot_be_sold(world: World) -> None:
    unknown = {"type": "phone", "value": OTHER_PHONE}
    assert world.quote(1_000, member=unknown, status=404)["code"] == "member_not_found"
    assert world.quote(1_000, currency="EUR", status=422)["code"] == "currency_mismatch"
    till = world.platform.terminal()
    elsewhere = world.basket(1_000, store_id="s-2")
    assert till.post("/v1/quotes", elsewhere, status=422)["code"] == "store_mismatch"
    support = world.platform.staff("support")
    reason = {"reason": "Stolen phone."}
    support.post(f"/v1/members/{world.member_id}/freeze", reason, status=200)
    assert world.quote(1_000, status=422)["code"] == "member_not_active"


def test_till_quotes_for_whoever_shows_a_code_and_does_not_use_it_up(world: World) -> None:
    shown = world.member.get("/v1/members/me/code")["barcode"]
    till = world.platform.terminal()
    basket = world.basket(1_000, member={"type": "code", "value": shown})
    for _ in range(2):
        assert till.post("/v1/quotes", basket, status=200)["member_id"] == world.member_id
    wrong = {**basket, "member": {"type": "code", "value": "0" * len(shown)}}
    assert till.post("/v1/quotes", wrong, status=422)["code"] == "code_invalid"


def assert_adds_up(quote: dict[str, Any]) -> None:
    totals, lines = quote["totals"], quote["lines"]
    for total, part in (
        ("gross_minor", "gross_minor"),
        ("discount_minor", "discount_minor"),
        ("points_minor", "points_minor"),
        ("payable_minor", "net_minor"),
    ):
        assert sum(line[part] for line in lines) == totals[total]
