"""What open orders were promised to earn, beside other orders and sales (H1, E2)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.clock import rfc3339
from tests.integration.gateway.shopping import Retail, sale_of


@pytest.fixture
def welcome(retail: Retail) -> Iterator[None]:
    """300 points for a first purchase, while the test lasts."""
    marketing = retail.platform.staff("marketing")
    bonus = {"name": "Welcome", "kind": "threshold_bonus", "threshold_minor": 1, "points": 300}
    rule = marketing.post("/v1/earning-rules", {**bonus, "scope": {"first_purchase": True}})
    path = f"/v1/earning-rules/{rule['rule_id']}"
    marketing.post(f"{path}/publish", {}, status=200)
    retail.pass_time(seconds=2)
    yield
    marketing.post(f"{path}/retire", status=200)


@pytest.mark.rule("H1", "E2")
def test_cap_counts_an_order_from_its_opening_and_forgets_it_with_its_cancel(
    retail: Retail,
) -> None:
    shopper = retail.shopper()
    marketing = retail.platform.staff("marketing")
    bonus = {"name": "Bonus", "kind": "threshold_bonus", "threshold_minor": 1_000, "points": 100}
    limited = {"scope": {"skus": ["cup"]}, "caps": {"per_member_per_day": 100}}
    rule = marketing.post("/v1/earning-rules", {**bonus, **limited})
    marketing.post(f"/v1/earning-rules/{rule['rule_id']}/publish", {}, status=200)
    retail.pass_time(seconds=2)
    cups = retail.basket(shopper, 1_000)
    cups["lines"][0]["sku"] = "cup"
    first, second = (retail.shop.post("/v1/quotes", cups, status=200) for _ in range(2))
    assert first["points"]["earned"] == second["points"]["earned"] == 110

    order_id = retail.open(first)["order_id"]
    refused = retail.open(second, status=409)
    assert refused["missing"] == [{"what": "earning", "reason": "limit_reached"}]
    retail.cancel(order_id)
    other = retail.open(second)["order_id"]
    assert retail.complete(other)["points"]["earned"] == 110
    # A return of all of it lets the cap forget it, as for any sale.
    back = {"lines": [{"line_id": "1", "quantity": 1, "net_minor": 1_000}], "return_id": "r"}
    said = {"occurred_at": rfc3339(retail.platform.now()), "reason_code": "defect"}
    returned = retail.shop.post(f"/v1/sales/{other}/returns", {**back, **said})
    assert returned["points"]["clawed_back"] == 110
    assert retail.shop.post("/v1/quotes", cups, status=200)["points"]["earned"] == 110
    marketing.post(f"/v1/earning-rules/{rule['rule_id']}/retire", status=200)


@pytest.mark.rule("H1", "E2")
@pytest.mark.usefixtures("welcome")
def test_first_purchase_that_an_open_order_was_promised_is_earned_once(retail: Retail) -> None:
    buyer, waverer = retail.shopper(), retail.shopper()
    promised = [retail.open(retail.quote(each, 1_000))["order_id"] for each in (buyer, waverer)]
    meanwhile = retail.shop.post("/v1/sales", sale_of(retail, buyer, 1_000))
    assert meanwhile["points"]["earned"] == 10
    assert retail.complete(promised[0])["points"]["earned"] == 310
    # Who gives the order up buys for the first time after all.
    retail.cancel(promised[1])
    afterwards = retail.shop.post("/v1/sales", sale_of(retail, waverer, 1_000))
    assert afterwards["points"]["earned"] == 310


@pytest.mark.rule("H1", "E2")
@pytest.mark.usefixtures("welcome")
def test_quote_beside_an_open_order_promises_no_first_purchase_and_can_be_opened(
    retail: Retail,
) -> None:
    shopper = retail.shopper()
    abandoned = retail.quote(shopper, 1_000)
    assert abandoned["points"]["earned"] == 310
    abandoned_id = retail.open(abandoned)["order_id"]
    second = retail.quote(shopper, 2_000)
    assert second["points"]["earned"] == 20
    order_id = retail.open(second)["order_id"]
    # It keeps its numbers, whatever becomes of the other one.
    retail.cancel(abandoned_id)
    assert retail.complete(order_id)["points"]["earned"] == 20
