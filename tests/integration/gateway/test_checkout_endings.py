"""What comes back of a shop's orders: returns, cancels, the merchant's fault (C3, C4, S4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.clock import parse_rfc3339, rfc3339
from tests.integration.gateway.shopping import Retail, Shopper


def ordered(retail: Retail, shopper: Shopper, **terms: Any) -> tuple[dict[str, Any], str]:
    """Complete an order of 40.00 and 20.01 with a coupon of 5.00 and 700 points."""
    code = retail.claim(shopper, **terms)
    quote = retail.quote(shopper, 4_000, 2_001, codes=[code], points_to_redeem=700)
    order_id = retail.open(quote)["order_id"]
    retail.complete(order_id)
    return retail.shop.get(f"/v1/sales/{order_id}"), code


def give_back(retail: Retail, sale: dict[str, Any], *line_ids: str) -> dict[str, Any]:
    """Return lines of an order as a whole, at what they cost after coupons."""
    values = {line["line_id"]: line["net_minor"] - line["discount_minor"] for line in sale["lines"]}
    body = {
        "return_id": f"r-{'-'.join(line_ids)}",
        "occurred_at": rfc3339(retail.platform.now()),
        "reason_code": "customer_return",
        "lines": [
            {"line_id": line_id, "quantity": 1, "net_minor": values[line_id]}
            for line_id in line_ids
        ],
    }
    answer = retail.shop.post(f"/v1/sales/{sale['sale_id']}/returns", body)
    retail.platform.settle()
    return answer


@pytest.mark.rule("C3", "S1", "S4")
def test_refund_of_an_order_is_split_between_money_points_and_coupons(retail: Retail) -> None:
    shopper = retail.shopper(1_000)
    sale, code = ordered(retail, shopper)
    # 60.01 less 5.00: the coupon is shared 333 to 167; 4,801 are paid in money.
    assert [line["discount_minor"] for line in sale["lines"]] == [333, 167]
    assert (sale["totals"]["payable_minor"], sale["points"]["earned"]) == (4_801, 48)

    part = give_back(retail, sale, "2")
    # Of 5,501 paid, 1,834 come back: floor(700 x 1,834 / 5,501) = 233 points, the rest money.
    assert part["refund"] == {"money_minor": 1_601, "points": 233}
    assert part["coupons_restored"] == []
    assert shopper.coupons() == {code: "redeemed"}

    rest = give_back(retail, sale, "1")
    assert rest["refund"] == {"money_minor": 4_801 - 1_601, "points": 700 - 233}
    assert len(rest["coupons_restored"]) == 1
    assert shopper.coupons() == {code: "restored"}
    assert part["points"]["clawed_back"] + rest["points"]["clawed_back"] == 48
    balances = shopper.balances()
    assert (balances["available"], balances["held"], balances["debt"]) == (1_000, 0, 0)
    verified = retail.staff.post("/v1/points/verify", status=200)
    assert (verified["ok"], verified["drift"]) == (True, [])


@pytest.mark.rule("C3")
def test_partial_return_restores_the_coupon_where_its_campaign_says_so(retail: Retail) -> None:
    shopper = retail.shopper(1_000)
    sale, code = ordered(retail, shopper, restore_on_partial_return=True)
    give_back(retail, sale, "2")
    assert shopper.coupons() == {code: "restored"}


@pytest.mark.rule("C3", "C4")
def test_complete_order_is_cancelled_as_the_sale_it_is(retail: Retail) -> None:
    shopper = retail.shopper(1_000)
    sale, code = ordered(retail, shopper)
    why = {"reason_code": "out_of_stock", "merchant_fault": True}
    refused = retail.shop.post(f"/v1/checkouts/{sale['sale_id']}/cancel", why, status=409)
    assert refused["code"] == "checkout_completed"
    undone = retail.shop.post(f"/v1/sales/{sale['sale_id']}/cancel", why, status=200)
    retail.platform.settle()
    assert undone["refund"] == {"money_minor": 4_801, "points": 700}
    assert shopper.balances()["available"] == 1_000
    assert shopper.coupons() == {code: "restored"}
    assert retail.shop.get(f"/v1/checkouts/{sale['sale_id']}")["status"] == "completed"


@pytest.mark.rule("C4")
@pytest.mark.parametrize("fault", [True, False])
def test_fault_lets_points_and_coupons_last_a_week(retail: Retail, *, fault: bool) -> None:
    now = retail.platform.now()
    shopper = retail.shopper()
    soon, later = now + timedelta(minutes=10), now + timedelta(days=60)
    for expires_at in (soon, later):
        given = {"member_id": shopper.member_id, "points": 200, "reason_code": "goodwill"}
        dated = {"expires_at": rfc3339(expires_at), "note": "Sorry."}
        retail.staff.post("/v1/points/adjustments", {**given, **dated})
    window = {"from": rfc3339(now - timedelta(days=1)), "until": rfc3339(soon)}
    code = retail.claim(shopper, validity=window)
    quote = retail.quote(shopper, 2_000, codes=[code], points_to_redeem=300)
    order_id = retail.open(quote)["order_id"]
    # Coupon and points lapse while the order holds them; it may still be completed.
    retail.pass_time(shopper, minutes=16)

    retail.cancel(order_id, reason_code="system_fault", merchant_fault=fault)

    balances = shopper.app.get("/v1/members/me/points")
    (coupon,) = shopper.app.get("/v1/members/me/coupons")["items"]
    if not fault:
        assert balances["balances"]["available"] == 200
        assert coupon["status"] == "expired"
        return
    assert balances["balances"]["available"] == 400
    assert coupon["status"] == "issued"
    week = retail.platform.now() + timedelta(days=7)
    first, last = balances["expiring"]
    for expires_at in (first["expires_at"], coupon["valid_until"]):
        assert abs(parse_rfc3339(expires_at) - week) < timedelta(minutes=5)
    assert (first["points"], last["points"]) == (200, 200)
    verified = retail.staff.post("/v1/points/verify", status=200)
    assert (verified["ok"], verified["drift"]) == (True, [])


@pytest.mark.rule("H1", "H2", "M3")
def test_order_goes_with_its_member_who_is_merged_into_another(retail: Retail) -> None:
    source, survivor = retail.shopper(500), retail.shopper(100)
    codes = [retail.claim(source, stacking={"category": category}) for category in "ab"]
    first, second = (
        retail.quote(source, 2_000, codes=[code], points_to_redeem=200) for code in codes
    )
    open_before = retail.open(first)["order_id"]
    told = {"source_member_id": source.member_id, "reason": "One person, two phones."}
    retail.staff.post(f"/v1/members/{survivor.member_id}/merge", told, status=200)
    retail.platform.settle()

    opened_after = retail.open(second)["order_id"]
    earned = 0
    for order_id in (open_before, opened_after):
        sale = retail.complete(order_id)
        assert (sale["member_id"], sale["totals"]) == (survivor.member_id, first["totals"])
        earned += sale["points"]["earned"]

    balances = survivor.balances()
    assert (balances["available"], balances["held"]) == (200 + earned, 0)
    assert {survivor.coupons()[code] for code in codes} == {"redeemed"}
    verified = retail.staff.post("/v1/points/verify", status=200)
    assert (verified["ok"], verified["drift"]) == (True, [])


@pytest.mark.rule("H2", "M6")
def test_order_of_a_member_who_is_erased_ends(retail: Retail) -> None:
    shopper = retail.shopper(500)
    quote = retail.quote(shopper, 2_000, codes=[retail.claim(shopper)], points_to_redeem=200)
    order_id = retail.open(quote)["order_id"]
    path = f"/v1/members/{shopper.member_id}"
    status, body, _ = retail.staff.request("DELETE", path, {"reason": "Asked by letter."})
    assert status == 202, body
    retail.platform.run_jobs()
    retail.platform.settle()

    assert retail.shop.get(f"/v1/checkouts/{order_id}")["status"] == "cancelled"
    assert retail.complete(order_id, status=409)["code"] == "checkout_closed"
    verified = retail.staff.post("/v1/points/verify", status=200)
    assert (verified["ok"], verified["drift"]) == (True, [])
