"""Many orders at once want the same points, coupon and budget (C6, H2, L8)."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.gateway.shopping import Retail, new_order
from tests.support.platform import Person

AT_ONCE = 8


def open_all(retail: Retail, quotes: list[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    """Open an order by each quote at once; return what each heard."""

    def ask(quote: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        person = Person(retail.platform.client, retail.shop.token)
        body = {"order_id": new_order(), "quote_token": quote["quote_token"]}
        status, answer, _ = person.request("POST", "/v1/checkouts", body)
        return status, answer

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, quotes))


@pytest.mark.rule("H1", "H2", "C6", "L8")
def test_promises_beyond_what_is_there_are_refused_and_no_other(retail: Retail) -> None:
    shopper = retail.shopper(500)
    retail.publish(
        value=100, budget_minor=700, code={"type": "public", "value": "RUSH"},
        limits={"per_member": 100},
    )  # fmt: skip
    once = retail.claim(shopper, value=300, stacking={"category": "once"})
    wanted: list[tuple[dict[str, Any], int]] = [
        ({"points_to_redeem": 100}, 5),
        ({"codes": ["RUSH"]}, 7),
        ({"codes": [once]}, 1),
    ]
    for more, most in wanted:
        quotes = [retail.quote(shopper, 1_000, **more) for _ in range(12)]
        found = open_all(retail, quotes)
        assert Counter(status for status, _ in found) == {201: most, 409: 12 - most}
        refused = [answer for status, answer in found if status == 409]
        assert {answer["code"] for answer in refused} == {"quote_not_covered"}
        retail.platform.settle()
    # Whoever was refused holds nothing: all that is held belongs to the orders that are open.
    balances = shopper.balances()
    assert (balances["available"], balances["held"]) == (0, 500)
    rows = retail.platform.databases["coupons"].query(
        "SELECT status, count(*) AS uses FROM redemptions WHERE member_id = :member GROUP BY 1",
        member=shopper.member_id,
    )
    assert {row.status: row.uses for row in rows} == {"reserved": 8}


@pytest.mark.rule("C2", "H2")
def test_one_order_opened_many_times_at_once_is_one(retail: Retail) -> None:
    shopper = retail.shopper(300)
    quote = retail.quote(shopper, 1_000, codes=[retail.claim(shopper)], points_to_redeem=200)
    body = {"order_id": new_order(), "quote_token": quote["quote_token"]}

    def ask(_: int) -> tuple[int, dict[str, Any]]:
        person = Person(retail.platform.client, retail.shop.token)
        status, answer, *_rest = person.request("POST", "/v1/checkouts", body)
        return status, answer

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(ask, range(AT_ONCE)))
    assert Counter(status for status, _ in found) == {201: 1, 200: AT_ONCE - 1}
    assert all(answer == found[0][1] for _, answer in found)
    assert shopper.balances()["held"] == 200
