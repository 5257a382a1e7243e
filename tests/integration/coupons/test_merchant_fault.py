"""An order undone by the merchant's fault: its coupons come back, and for long enough (C4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.clock import rfc3339
from tests.integration.coupons.harness import NOON, Coupons, held

DAY = timedelta(days=1)
WINDOW_END = NOON + 10 * DAY
VALIDITY = {"from": rfc3339(NOON - DAY), "until": rfc3339(WINDOW_END)}


def undo(coupons: Coupons, order_id: str) -> None:
    coupons.sale_cancelled(order_id, reason="price_change", merchant_fault=True)


@pytest.mark.rule("C4")
@pytest.mark.parametrize(
    ("cancelled_after", "valid_until"),
    [
        (2 * DAY, WINDOW_END),  # 8 days are left
        (3 * DAY, WINDOW_END),  # 7
        (4 * DAY, NOON + 11 * DAY),
        (30 * DAY, NOON + 37 * DAY),  # it has lapsed
    ],
)
def test_coupon_is_good_for_seven_days_at_least(
    coupons: Coupons, cancelled_after: timedelta, valid_until: datetime
) -> None:
    member_id, _, coupon = held(coupons, validity=VALIDITY, limits={"per_member": 1})
    coupons.buy("o1", [coupon["code"]], member_id)
    coupons.clock.move_to(NOON + cancelled_after)
    undo(coupons, "o1")
    (back,) = coupons.wallet(member_id)
    assert (back["status"], back["valid_until"]) == ("restored", rfc3339(valid_until))
    assert back["reason"] is None
    coupons.buy("o2", [coupon["code"]], member_id)
    assert coupons.status(member_id) == "redeemed"


@pytest.mark.rule("C4")
def test_history_and_event_say_why_a_coupon_lasts_longer(coupons: Coupons) -> None:
    member_id, campaign_id, coupon = held(coupons, validity=VALIDITY)
    coupons.buy("o1", [coupon["code"]], member_id)
    coupons.clock.move_to(NOON + 30 * DAY)
    undo(coupons, "o1")
    assert coupons.changes(coupon["coupon_id"])[-2:] == [
        ("redeemed", "restored", "sale.cancelled"),
        ("restored", "restored", "merchant_fault"),
    ]
    assert coupons.events("coupon.prolonged") == [
        (
            "coupon.prolonged",
            {
                "coupon_id": coupon["coupon_id"],
                "campaign_id": campaign_id,
                "member_id": str(member_id),
                "order_id": "o1",
                "valid_until": rfc3339(NOON + 37 * DAY),
                "reason_code": "price_change",
            },
        )
    ]


@pytest.mark.rule("C4", "C5")
def test_holder_hears_the_new_end_though_the_old_one_was_announced(coupons: Coupons) -> None:
    member_id, _, coupon = held(coupons, validity=VALIDITY)
    coupons.clock.move_to(WINDOW_END - DAY)
    coupons.service.due_work()
    coupons.buy("o1", [coupon["code"]], member_id)
    undo(coupons, "o1")
    coupons.clock.advance(days=6)
    coupons.service.due_work()
    said = [data["valid_until"] for _, data in coupons.events("coupon.expiring")]
    assert said == [rfc3339(WINDOW_END), rfc3339(WINDOW_END + 6 * DAY)]


@pytest.mark.parametrize(
    "terms", [{"validity": {"never_expires": True}}, {"validity": VALIDITY, "public": True}]
)
def test_what_has_no_end_of_its_own_is_not_given_one(
    coupons: Coupons, terms: dict[str, Any]
) -> None:
    if terms.pop("public", False):
        coupons.public(**terms)
        coupons.buy("o1", ["SPRING"], coupons.member())
    else:
        member_id, _, coupon = held(coupons, **terms)
        coupons.buy("o1", [coupon["code"]], member_id)
    coupons.clock.move_to(NOON + 30 * DAY)
    undo(coupons, "o1")
    assert coupons.events("coupon.prolonged") == []


def test_fault_that_is_told_twice_counts_from_the_first_time(coupons: Coupons) -> None:
    member_id, _, coupon = held(coupons, validity=VALIDITY)
    coupons.buy("o1", [coupon["code"]], member_id)
    coupons.clock.move_to(WINDOW_END)
    told = coupons.sale_cancelled("o1", merchant_fault=True)
    coupons.clock.advance(days=1)
    coupons.hear(told)
    (back,) = coupons.wallet(member_id)
    assert back["valid_until"] == rfc3339(WINDOW_END + 7 * DAY)


def test_coupon_that_was_used_elsewhere_since_is_left_alone(coupons: Coupons) -> None:
    member_id, _, coupon = held(
        coupons, validity=VALIDITY, restore_on_partial_return=True, giftable=True
    )
    coupons.buy("o1", [coupon["code"]], member_id)
    coupons.sale_returned("o1", full=False)
    coupons.buy("o2", [coupon["code"]], member_id)
    coupons.clock.move_to(WINDOW_END)
    undo(coupons, "o1")
    (used,) = coupons.wallet(member_id)
    assert (used["status"], used["valid_until"]) == ("redeemed", rfc3339(WINDOW_END))


@pytest.mark.rule("C4", "H2")
@pytest.mark.parametrize("swept", [False, True])
def test_coupon_that_lapsed_while_the_payment_page_was_down_is_good_again(
    coupons: Coupons, swept: bool
) -> None:
    member_id, _, coupon = held(coupons, validity=VALIDITY)
    coupons.clock.move_to(WINDOW_END - timedelta(minutes=5))
    coupons.reserve("o1", [coupon["code"]], member_id)
    if swept:
        coupons.clock.move_to(WINDOW_END + timedelta(hours=1))
        coupons.service.due_work()
        assert coupons.status(member_id) == "expired"
    else:
        coupons.confirm("o1")
        coupons.clock.move_to(WINDOW_END + timedelta(hours=1))
    coupons.checkout_closed("o1", merchant_fault=True, reason_code="system_fault")
    (back,) = coupons.wallet(member_id)
    assert back["status"] == "issued"
    assert back["valid_until"] == rfc3339(coupons.clock.now() + 7 * DAY)
    coupons.buy("o2", [coupon["code"]], member_id)
