"""Quotes over HTTP, with all services behind the gateway (H1, H3)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.clock import parse_rfc3339
from tests.integration.gateway.shopping import Retail, assert_adds_up

PRICE = {"code": "PRICE", "name": "Member price", "kind": "member_price", "value": 5}
PROGRAMME = {
    "name": "Prices",
    "metric": "qualifying_points",
    "window": {"type": "rolling", "months": 12},
    "review_months": 12,
    "grace_days": 30,
    "levels": [
        {"code": "BRONZE", "name": "Bronze", "rank": 0, "threshold": 0, "multiplier": "1"},
        {"code": "SILVER", "name": "Silver", "rank": 1, "threshold": 1_000, "multiplier": "1.1",
         "benefits": [PRICE]},
    ],
}  # fmt: skip


@pytest.mark.rule("H1", "H3", "C7", "T6")
def test_quote_takes_member_price_then_coupons_then_points(retail: Retail) -> None:
    drafted = retail.staff.post("/v1/tier-programmes", PROGRAMME)
    retail.staff.post(f"/v1/tier-programmes/{drafted['version']}/publish", status=200)
    retail.pass_time(seconds=2)
    shopper = retail.shopper()
    sale = retail.basket(shopper, 100_000, channel=None)
    sale = {name: sale[name] for name in ("currency", "lines", "member")}
    said = {"sale_id": "rise", "occurred_at": retail.platform.now().isoformat()}
    retail.shop.post("/v1/sales", {**sale, **said})
    retail.platform.settle()
    retail.pass_time(shopper, minutes=1)
    had = shopper.balances()
    code = retail.claim(shopper, kind="percent_off", value=10)

    found = retail.quote(shopper, 6_000, 2_001, codes=[code, "NOSUCHCODE"], points_to_redeem=700)

    # 5 % member price: 300 and 100; 10 % of the 7,601 left: 760; points 700; 1.1 points a unit.
    assert found["member_price"] == {"tier": "SILVER", "percent": 5, "discount_minor": 400}
    assert found["totals"] == {
        "gross_minor": 8_001,
        "discount_minor": 1_160,
        "points_minor": 700,
        "payable_minor": 6_141,
    }
    assert (found["points"]["redeemed"], found["points"]["earned"]) == (700, 67)
    assert [each["code"] for each in found["coupons"]["applied"]] == [code]
    assert [each["reason"] for each in found["coupons"]["rejected"]] == ["unknown"]
    assert_adds_up(found)
    # Services' sandbox clocks differ by a moment.
    lasts = parse_rfc3339(found["valid_until"]) - retail.platform.now()
    assert round(lasts / timedelta(minutes=1)) == 15
    assert shopper.balances() == had
    assert shopper.coupons() == {code: "issued"}


@pytest.mark.rule("H3")
def test_points_pay_from_100_up_to_half_and_what_is_there(retail: Retail) -> None:
    shopper = retail.shopper(300)
    for points, code in (
        (99, "redemption_out_of_range"),
        (501, "redemption_out_of_range"),
        (400, "insufficient_points"),
    ):
        assert retail.quote(shopper, 1_000, points_to_redeem=points, status=422)["code"] == code
    found = retail.quote(shopper, 1_000, points_to_redeem=300)
    assert found["totals"]["payable_minor"] == 700


def test_quote_without_member_earns_nothing_and_takes_public_codes(retail: Retail) -> None:
    retail.publish(code={"type": "public", "value": "WELCOME"})
    found = retail.quote(None, 2_000, codes=["welcome"])
    assert found["totals"]["payable_minor"] == 1_500
    assert (found["member_id"], found["points"]["earned"]) == (None, 0)
    refused = retail.quote(None, 2_000, points_to_redeem=100, status=422)
    assert refused["code"] == "member_required"


@pytest.mark.rule("C8")
def test_member_asks_for_itself_only_and_learns_nothing_of_others_codes(retail: Retail) -> None:
    shopper, other = retail.shopper(), retail.shopper()
    code = retail.claim(shopper)
    basket = retail.basket(None, 1_000, codes=[code])
    own = shopper.app.post("/v1/quotes", basket, status=200)
    assert own["member_id"] == shopper.member_id
    assert own["totals"]["discount_minor"] == 500
    foreign = other.app.post("/v1/quotes", basket, status=200)
    assert [each["reason"] for each in foreign["coupons"]["rejected"]] == ["not_usable"]
    other.app.post("/v1/quotes", retail.basket(shopper, 1_000), status=404)
    stranger = retail.platform.shopper("13700137000")
    stranger.post("/v1/quotes", retail.basket(None, 1_000), status=404)
    retail.staff.post("/v1/quotes", retail.basket(shopper, 1_000), status=403)


def test_quote_is_refused_for_who_may_not_buy_and_what_cannot_be_sold(retail: Retail) -> None:
    shopper = retail.shopper()
    unknown = {"type": "phone", "value": "13600136000"}
    refused = retail.quote(None, 1_000, member=unknown, status=404)
    assert refused["code"] == "member_not_found"
    assert retail.quote(shopper, 1_000, currency="EUR", status=422)["code"] == "currency_mismatch"
    till = retail.platform.terminal()
    elsewhere = retail.basket(shopper, 1_000, store_id="s-2")
    assert till.post("/v1/quotes", elsewhere, status=422)["code"] == "store_mismatch"
    reason = {"reason": "Stolen phone."}
    retail.staff.post(f"/v1/members/{shopper.member_id}/freeze", reason, status=200)
    assert retail.quote(shopper, 1_000, status=422)["code"] == "account_frozen"


def test_till_quotes_for_whoever_shows_a_code_and_does_not_use_it_up(retail: Retail) -> None:
    shopper = retail.shopper()
    shown = shopper.app.get("/v1/members/me/code")["barcode"]
    till = retail.platform.terminal("t-2")
    basket = retail.basket(None, 1_000, member={"type": "code", "value": shown})
    for _ in range(2):
        assert till.post("/v1/quotes", basket, status=200)["member_id"] == shopper.member_id
    wrong = {**basket, "member": {"type": "code", "value": "0" * len(shown)}}
    assert till.post("/v1/quotes", wrong, status=422)["code"] == "code_invalid"
