"""A shop's orders over HTTP, from the quote to the sale (H1, H2)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from shared.clock import rfc3339
from tests.integration.gateway.shopping import Retail, Shopper, new_order, sale_of

RULE = {"name": "Base", "kind": "base", "value": "0.05"}


def uses(retail: Retail, order_id: str) -> list[tuple[str, int]]:
    """Return what an order's coupons are and took off, as coupons has them."""
    rows = retail.platform.databases["coupons"].query(
        "SELECT status, discount_minor FROM redemptions WHERE order_id = :order", order=order_id
    )
    return [(row.status, row.discount_minor) for row in rows]


def assert_free(retail: Retail, shopper: Shopper, points: int, codes: list[str]) -> None:
    """Nothing of the shopper's is set aside, and the books are right."""
    balances = shopper.balances()
    assert (balances["available"], balances["held"]) == (points, 0)
    assert {shopper.coupons()[code] for code in codes} <= {"issued"}
    verified = retail.staff.post("/v1/points/verify", status=200)
    assert (verified["ok"], verified["drift"]) == (True, [])


@pytest.mark.rule("H1", "H2")
def test_order_opens_by_its_quote_and_becomes_exactly_that_sale(retail: Retail) -> None:
    shopper = retail.shopper(1_000)
    code = retail.claim(shopper)
    quote = retail.quote(shopper, 4_000, 2_001, codes=[code, "NOSUCHCODE"], points_to_redeem=700)

    order_id = new_order()
    opened = retail.open(quote, order_id)

    for name in ("lines", "totals", "member_price", "member_id", "quote_id", "currency"):
        assert opened[name] == quote[name]
    assert opened["points"] == {"redeemed": 700, "earned": quote["points"]["earned"]}
    assert (opened["status"], opened["hold"]["points"]) == ("open", 700)
    assert [use["code"] for use in opened["coupons"]["applied"]] == [code]
    balances = shopper.balances()
    assert (balances["available"], balances["held"]) == (300, 700)
    assert shopper.coupons() == {code: "reserved"}
    seen = retail.shop.get(f"/v1/checkouts/{order_id}")
    assert [use["code"] for use in seen["coupons"]["applied"]] == [f"****{code[-4:]}"]
    assert {**seen, "coupons": opened["coupons"]} == opened

    sale = retail.complete(order_id)

    assert (sale["sale_id"], sale["totals"]) == (order_id, quote["totals"])
    assert sale["points"]["earned"] == quote["points"]["earned"] == 48
    assert sale["explain"] == quote["explain"]
    balances = shopper.balances()
    assert (balances["available"], balances["held"]) == (348, 0)
    assert shopper.coupons() == {code: "redeemed"}
    closed = retail.shop.get(f"/v1/checkouts/{order_id}")
    assert (closed["status"], closed["hold"]["status"]) == ("completed", "captured")
    recorded = retail.shop.get(f"/v1/sales/{order_id}")
    assert [line["points_minor"] for line in recorded["lines"]] == [
        line["points_minor"] for line in quote["lines"]
    ]
    verified = retail.staff.post("/v1/points/verify", status=200)
    assert (verified["ok"], verified["drift"]) == (True, [])


@pytest.mark.rule("H2", "A3")
def test_requests_that_come_twice_do_everything_once(retail: Retail) -> None:
    shopper = retail.shopper(500)
    code = retail.claim(shopper)
    quote = retail.quote(shopper, 2_000, codes=[code], points_to_redeem=200)
    order_id = new_order()
    opened = retail.open(quote, order_id, key=order_id)
    assert retail.open(quote, order_id, key=order_id) == opened
    assert retail.open(quote, order_id, status=200) == opened
    paid = {"paid_at": opened["opened_at"], "key": order_id}
    sale = retail.complete(order_id, **paid)
    assert retail.complete(order_id, **paid) == sale
    assert retail.complete(order_id, status=200) == sale
    # Late duplicates hear what was, and open nothing.
    assert retail.open(quote, order_id, key=order_id) == opened
    assert retail.open(quote, order_id, status=200)["status"] == "completed"
    other = retail.quote(shopper, 3_000)
    assert retail.open(other, order_id, status=409)["code"] == "order_id_conflict"
    assert_free(retail, shopper, 300 + sale["points"]["earned"], [])


@pytest.mark.rule("H2", "C2")
def test_cancelled_order_lets_everything_go_and_stays_cancelled(retail: Retail) -> None:
    shopper = retail.shopper(500)
    code = retail.claim(shopper)
    quote = retail.quote(shopper, 2_000, codes=[code], points_to_redeem=200)
    order_id = new_order()
    opened = retail.open(quote, order_id, key=order_id)

    cancelled = retail.cancel(order_id)
    assert (cancelled["status"], cancelled["reason_code"]) == ("cancelled", "payment_failed")
    assert cancelled["hold"]["status"] == "released"
    assert_free(retail, shopper, 500, [code])
    assert retail.cancel(order_id, reason_code="fraud") == cancelled
    refused = retail.complete(order_id, status=409)
    assert (refused["code"], refused["order_status"]) == ("checkout_closed", "cancelled")
    # The request that opened it does not open it again, with its key or with another.
    assert retail.open(quote, order_id, key=order_id) == opened
    assert retail.open(quote, order_id, status=409)["code"] == "checkout_closed"
    assert_free(retail, shopper, 500, [code])
    # A fresh quote does, and then a late duplicate does not take the order from it.
    again = retail.quote(shopper, 2_000, codes=[code], points_to_redeem=200)
    retail.open(again, order_id)
    assert retail.open(quote, order_id, key=order_id) == opened
    assert retail.open(quote, order_id, status=409)["code"] == "checkout_closed"
    assert retail.complete(order_id)["totals"] == quote["totals"]
    refused = retail.cancel(order_id, status=409)
    assert refused["code"] == "checkout_completed"


@pytest.mark.rule("H2", "C2")
def test_order_whose_time_is_over_lets_everything_go(retail: Retail) -> None:
    shopper = retail.shopper(500)
    code = retail.claim(shopper)
    quote = retail.quote(shopper, 2_000, codes=[code], points_to_redeem=200)
    order_id = new_order()
    retail.open(quote, order_id)
    retail.pass_time(shopper, minutes=29)
    assert retail.shop.get(f"/v1/checkouts/{order_id}")["status"] == "open"
    retail.pass_time(shopper, minutes=2)

    expired = retail.shop.get(f"/v1/checkouts/{order_id}")
    assert (expired["status"], expired["hold"]["status"]) == ("expired", "expired")
    assert_free(retail, shopper, 500, [code])
    refused = retail.complete(order_id, status=409)
    assert (refused["code"], refused["order_status"]) == ("checkout_closed", "expired")
    assert retail.cancel(order_id)["status"] == "expired"


@pytest.mark.rule("H1")
def test_quote_that_came_too_late_is_answered_with_a_fresh_one(retail: Retail) -> None:
    shopper = retail.shopper(500)
    code = retail.claim(shopper)
    quote = retail.quote(shopper, 2_000, codes=[code], points_to_redeem=200)
    retail.pass_time(shopper, minutes=16)
    order_id = new_order()
    late = retail.open(quote, order_id, status=409)
    assert late["code"] == "quote_expired"
    assert late["quote"]["totals"] == quote["totals"]
    assert late["quote"]["quote_id"] != quote["quote_id"]
    retail.shop.get(f"/v1/checkouts/{order_id}", status=404)
    retail.open(late["quote"], order_id)
    assert retail.complete(order_id)["totals"] == quote["totals"]


@pytest.mark.rule("H1", "E2")
def test_promise_holds_when_campaign_rules_and_tier_have_moved(retail: Retail) -> None:
    shopper = retail.shopper(500)
    path = retail.publish()
    code = retail.claim(shopper, path)
    quote = retail.quote(shopper, 2_000, codes=[code], points_to_redeem=200)
    assert quote["points"]["earned"] == 13

    retail.staff.post(f"{path}/pause", status=200)
    marketing = retail.platform.staff("marketing")
    rule = marketing.post("/v1/earning-rules", RULE)
    marketing.post(f"/v1/earning-rules/{rule['rule_id']}/publish", {}, status=200)
    raised = retail.shop.post("/v1/sales", sale_of(retail, shopper, 600_000))
    retail.platform.settle()
    assert retail.shop.get(f"/v1/sales/{raised['sale_id']}")["tier"] == "BRONZE"
    now = retail.quote(shopper, 2_000, codes=[code], points_to_redeem=200)
    assert [use["reason"] for use in now["coupons"]["rejected"]] == ["paused"]
    assert now["points"]["earned"] > 13

    opened = retail.open(quote)
    marketing.post(f"/v1/earning-rules/{rule['rule_id']}/retire", status=200)
    retail.staff.post(f"{path}/archive", status=200)
    sale = retail.complete(opened["order_id"])

    assert (sale["totals"], sale["points"]["earned"]) == (quote["totals"], 13)
    assert (sale["tier"], sale["explain"]) == ("BRONZE", quote["explain"])
    assert uses(retail, opened["order_id"]) == [("redeemed", 500)]


@pytest.mark.rule("H1", "H2", "C6")
def test_what_is_gone_meanwhile_is_named_and_nothing_is_reserved(retail: Retail) -> None:
    shopper, rival = retail.shopper(500), retail.shopper()
    used, kept = retail.claim(shopper), retail.claim(shopper, stacking={"category": "other"})
    quote = retail.quote(shopper, 3_000, codes=[used, kept], points_to_redeem=300)
    retail.shop.post("/v1/sales", sale_of(retail, shopper, 1_000, coupons=[used]))
    retail.platform.settle()
    had = shopper.balances()["available"]
    refused = retail.open(quote, status=409)
    assert refused["code"] == "quote_not_covered"
    assert [(each["what"], each["code"], each["reason"]) for each in refused["missing"]] == [
        ("coupon", used, "used")
    ]
    retail.platform.settle()
    assert_free(retail, shopper, had, [kept])

    body = retail.publish(code={"type": "public", "value": "LAST"}, budget_minor=900)
    quote = retail.quote(shopper, 3_000, codes=["LAST", kept], points_to_redeem=300)
    rivals = retail.quote(rival, 3_000, codes=["last"])
    retail.open(rivals)
    refused = retail.open(quote, status=409)
    assert [(each["code"], each["reason"]) for each in refused["missing"]] == [
        ("LAST", "budget_exhausted")
    ]
    assert refused["missing"][0]["campaign_id"] == body.rpartition("/")[2]
    retail.platform.settle()
    assert_free(retail, shopper, had, [kept])

    quote = retail.quote(shopper, 3_000, codes=[kept], points_to_redeem=300)
    hold = {"member_id": shopper.member_id, "points": had - 299, "order_id": new_order()}
    held = retail.shop.post("/v1/points/holds", hold)
    refused = retail.open(quote, status=409)
    assert refused["missing"] == [
        {"what": "points", "reason": "insufficient_points", "available": 299}
    ]
    retail.shop.post(f"/v1/points/holds/{held['hold_id']}/release", status=200)
    # What came back is covered again: the same quote opens the order now.
    retail.open(quote)


def test_order_may_come_with_its_whole_basket(retail: Retail) -> None:
    shopper = retail.shopper(500)
    code = retail.claim(shopper)
    body = retail.basket(shopper, 2_000, codes=[code], points_to_redeem=200)
    body["order_id"] = new_order()
    opened = retail.shop.post("/v1/checkouts", body, key=body["order_id"])
    assert opened["totals"]["payable_minor"] == 1_300
    # Its own coupon is reserved by now: the same request hears of the same order all the same.
    assert retail.shop.post("/v1/checkouts", body, key=body["order_id"]) == opened
    assert retail.shop.post("/v1/checkouts", body, status=200) == opened
    assert retail.complete(body["order_id"])["totals"] == opened["totals"]


def test_another_quote_takes_the_order_over(retail: Retail) -> None:
    shopper = retail.shopper(500)
    first = retail.quote(shopper, 2_000, points_to_redeem=400)
    order_id = retail.open(first)["order_id"]
    # Only 100 are free, until the order is opened by the other quote.
    second = retail.quote(shopper, 1_000, points_to_redeem=100)
    opened = retail.open(second, order_id)
    assert opened["totals"] == second["totals"]
    balances = shopper.balances()
    assert (balances["available"], balances["held"]) == (400, 100)


@pytest.mark.rule("A1")
def test_order_is_nobodys_business_but_its_shops(retail: Retail) -> None:
    shopper = retail.shopper(300)
    quote = retail.quote(shopper, 1_000, points_to_redeem=200)
    order_id = retail.open(quote)["order_id"]
    other = retail.platform.shop()
    body = {"order_id": new_order(), "quote_token": quote["quote_token"]}
    assert other.post("/v1/checkouts", body, status=422)["code"] == "quote_token_invalid"
    own = other.post("/v1/quotes", retail.basket(shopper, 1_000), status=200)
    taken = {"order_id": order_id, "quote_token": own["quote_token"]}
    assert other.post("/v1/checkouts", taken, status=409)["code"] == "order_id_conflict"
    other.get(f"/v1/checkouts/{order_id}", status=404)
    paid, why = {"paid_at": rfc3339(retail.platform.now())}, {"reason_code": "fraud"}
    other.post(f"/v1/checkouts/{order_id}/complete", paid, status=404)
    other.post(f"/v1/checkouts/{order_id}/cancel", why, status=404)
    for person in (shopper.app, retail.platform.terminal(f"t-{uuid4().hex[:6]}")):
        person.post("/v1/checkouts", body, status=403)
        person.get(f"/v1/checkouts/{order_id}", status=403)
    # A member's own quote is for the member, not for the shop.
    mine = shopper.app.post("/v1/quotes", retail.basket(None, 1_000), status=200)
    assert retail.open(mine, status=422)["code"] == "quote_token_invalid"
    assert retail.staff.get(f"/v1/checkouts/{order_id}")["status"] == "open"
    # Nor does anything but the order decide what becomes of its points.
    (hold,) = retail.shop.get(f"/v1/points/holds?order_id={order_id}")["items"]
    for act in ("capture", "release"):
        path = f"/v1/points/holds/{hold['hold_id']}/{act}"
        assert retail.shop.post(path, status=409)["code"] == "hold_of_checkout"
    sale = {**sale_of(retail, shopper, 1_000, coupons=["X"]), "sale_id": order_id}
    assert retail.shop.post("/v1/sales", sale, status=409)["code"] == "order_id_conflict"
    retail.complete(order_id)


def test_order_that_is_asked_for_wrongly_is_refused(retail: Retail) -> None:
    shopper = retail.shopper()
    quote = retail.quote(shopper, 1_000)
    token = {"quote_token": quote["quote_token"]}
    for body, status in (
        ({"order_id": "w-1"}, 422),
        ({**token}, 422),
        ({"order_id": "w-1", **token, "currency": "CNY"}, 422),
        ({"order_id": "w-1", "quote_token": quote["quote_token"][:-9]}, 422),
        ({"order_id": "w 1", **token}, 422),
    ):
        retail.shop.post("/v1/checkouts", body, status=status)
    order_id = retail.open(quote)["order_id"]
    path = f"/v1/checkouts/{order_id}/complete"
    for paid_at, code in (
        ("2026-01-01T00:00:00Z", "sale_too_old"),
        (rfc3339(retail.platform.now().replace(year=2100)), "sale_in_future"),
    ):
        assert retail.shop.post(path, {"paid_at": paid_at}, status=422)["code"] == code
    retail.shop.post(f"/v1/checkouts/{order_id}/cancel", {"reason_code": "mood"}, status=422)
    retail.shop.post("/v1/checkouts/none/complete", {"paid_at": "2026-01-01T00:00:00Z"}, status=404)
    retail.complete(order_id)


@pytest.mark.rule("H2")
def test_parallel_complete_and_cancel_end_in_exactly_one_outcome(retail: Retail) -> None:
    shopper = retail.shopper(1_000)
    for _ in range(4):
        had = shopper.balances()["available"]
        code = retail.claim(shopper)
        quote = retail.quote(shopper, 1_000, codes=[code], points_to_redeem=100)
        order_id = retail.open(quote)["order_id"]
        acts: dict[str, dict[str, Any]] = {
            "complete": {"paid_at": rfc3339(retail.platform.now())},
            "cancel": {"reason_code": "payment_failed"},
        }
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(ask, retail, order_id, *act) for act in [*acts.items()] * 2]
            found = [each.result() for each in asked]
        retail.platform.settle()
        status = retail.shop.get(f"/v1/checkouts/{order_id}")["status"]
        codes = {body.get("code") for answer, body in found if answer >= 400}
        if status == "completed":
            earned = quote["points"]["earned"]
            assert codes == {"checkout_completed"}
            assert shopper.coupons()[code] == "redeemed"
            assert shopper.balances()["available"] == had - 100 + earned
        else:
            assert (status, codes) == ("cancelled", {"checkout_closed"})
            assert shopper.coupons()[code] == "issued"
            assert shopper.balances()["available"] == had
        assert shopper.balances()["held"] == 0


def ask(retail: Retail, order_id: str, act: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Complete or cancel an order through a client of one's own."""
    person = type(retail.shop)(retail.platform.client, retail.shop.token)
    status, answer, _ = person.request("POST", f"/v1/checkouts/{order_id}/{act}", body)
    return status, answer
