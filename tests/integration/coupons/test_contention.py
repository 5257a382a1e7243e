"""Many orders at once: every limit is exact, and nobody waits for ever."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.integration.coupons.harness import Coupons, held, rejected, together


@pytest.mark.rule("C1", "C2")
@pytest.mark.timeout(300)
def test_200_parallel_redemptions_of_one_code_have_one_success(coupons: Coupons) -> None:
    member_id, _, coupon = held(coupons)
    results = together(
        [partial(coupons.buy, f"o{number}", [coupon["code"]], member_id) for number in range(200)]
    )
    answers = [result for result in results if isinstance(result, dict)]
    assert len(answers) == 200, [result for result in results if isinstance(result, str)]
    assert [len(answer["applied"]) for answer in answers].count(1) == 1
    lost = {reason for answer in answers for reason in rejected(answer).values()}
    assert lost <= {"reserved", "used"}
    assert coupons.status(member_id) == "redeemed"
    rows = coupons.database.query("SELECT 1 FROM redemptions WHERE status = 'redeemed'")
    assert len(rows) == 1


@pytest.mark.rule("C6")
@pytest.mark.timeout(300)
def test_budget_is_never_passed_by_parallel_orders(coupons: Coupons) -> None:
    campaign_id = coupons.public(budget_minor=10_250)
    results = together([partial(coupons.buy, f"o{n}", ["SPRING"]) for n in range(120)])
    granted = sum(result["discount_minor"] for result in results)
    assert granted == 10_000  # 20 uses of 500; what is left is less than one
    assert coupons.usage(campaign_id)["budget", ""] == granted
    lost = [rejected(result) for result in results if result["rejected"]]
    assert lost == [{"SPRING": "budget_exhausted"}] * 100


@pytest.mark.rule("C2", "C6")
def test_limits_of_a_store_and_of_a_member_and_day_are_exact_at_once_and_come_back(
    coupons: Coupons,
) -> None:
    member_id = coupons.member()
    coupons.public(limits={"per_member_per_day": 3, "per_store": 5})
    mine = [partial(coupons.reserve, f"m{n}", ["SPRING"], member_id) for n in range(8)]
    won = [answer["order_id"] for answer in together(mine) if answer["applied"]]
    others = [partial(coupons.reserve, f"o{n}", ["SPRING"], coupons.member()) for n in range(8)]
    full = [rejected(answer) for answer in together(others) if answer["rejected"]]
    assert (len(won), full) == (3, [{"SPRING": "limit_reached"}] * 6)
    assert coupons.reserve("s2", ["SPRING"], coupons.member(), store_id="S002")["applied"]
    coupons.release(won[0])
    assert coupons.reserve("again", ["SPRING"], member_id)["applied"]


@pytest.mark.rule("C2", "C6")
@pytest.mark.timeout(300)
def test_orders_that_share_codes_in_any_order_neither_deadlock_nor_miscount(
    coupons: Coupons,
) -> None:
    codes = [f"CODE{number}" for number in range(4)]
    ids = [
        coupons.public(
            code,
            value=10,
            stacking={"category": code},
            limits={"total": 40, "per_store": 1_000},
            budget_minor=350,
        )
        for code in codes
    ]

    def order(number: int) -> dict[str, Any]:
        turned = codes[number % 4 :] + codes[: number % 4]
        answer = coupons.reserve(f"o{number}", turned if number % 2 else turned[::-1])
        if number % 3 == 0:
            coupons.checkout_closed(f"o{number}")
        return answer

    results = together([partial(order, number) for number in range(90)])
    assert [result for result in results if isinstance(result, str)] == []
    for campaign_id in ids:
        (row,) = coupons.database.query(
            "SELECT count(*) AS uses, coalesce(sum(discount_minor), 0) AS spent FROM redemptions"
            " WHERE status = 'reserved' AND campaign_id = CAST(:id AS uuid)",
            id=campaign_id,
        )
        usage = coupons.usage(campaign_id)
        assert usage["uses", ""] == usage["store", "S001"] == row.uses <= 35
        assert usage["budget", ""] == row.spent == row.uses * 10


@pytest.mark.rule("C2")
def test_one_order_sent_many_times_at_once_is_one_reservation(coupons: Coupons) -> None:
    member_id, campaign_id, coupon = held(coupons, budget_minor=5_000)
    results = together([partial(coupons.reserve, "o1", [coupon["code"]], member_id)] * 30)
    assert all(result == results[0] for result in results)
    assert coupons.usage(campaign_id)["budget", ""] == 500
