"""Orders that end, orders that are opened again, and what points says about them, in any order."""

from __future__ import annotations

import pytest

from shared.clock import rfc3339
from shared.contracts.coupons import rpc
from tests.integration.coupons.harness import (
    NOON,
    SECOND,
    Coupons,
    Refused,
    held,
    opened,
    rejected,
)


@pytest.mark.rule("C2")
def test_closed_checkout_frees_also_what_is_confirmed(coupons: Coupons) -> None:
    member_id, _, coupon = held(coupons)
    coupons.reserve("o1", [coupon["code"]], member_id)
    coupons.confirm("o1")
    coupons.checkout_closed("o1")
    assert coupons.status(member_id) == "issued"
    with pytest.raises(Refused, match="order_closed"):
        coupons.confirm("o1")
    with pytest.raises(Refused, match="order_closed"):
        coupons.reserve("o1", [coupon["code"]], member_id)


@pytest.mark.parametrize("end", ["checkout_closed", "release"])
def test_reserve_that_comes_after_the_end_of_its_order_is_refused(
    coupons: Coupons, end: str
) -> None:
    coupons.public()
    getattr(coupons, end)("o1")
    with pytest.raises(Refused, match="order_closed"):
        coupons.reserve("o1", ["SPRING"])
    with pytest.raises(Refused, match="order_closed"):
        coupons.reserve("o1", ["SPRING"], **opened(-1))
    assert coupons.reserve("o1", ["SPRING"], **opened(1))["discount_minor"] == 500


def test_release_leaves_a_confirmed_order_alone(coupons: Coupons) -> None:
    coupons.public()
    coupons.reserve("o1", ["SPRING"])
    coupons.confirm("o1")
    assert coupons.release("o1") == "confirmed"
    coupons.sale_recorded("o1")
    assert coupons.release("o1") == "redeemed"


@pytest.mark.rule("H2")
def test_later_opening_takes_the_reservation_over_and_the_earlier_end_is_void(
    coupons: Coupons,
) -> None:
    member_id, _, coupon = held(coupons, budget_minor=500)
    first = coupons.reserve("o1", [coupon["code"]], member_id, **opened(0))
    coupons.confirm("o1")
    again = coupons.reserve("o1", [coupon["code"]], member_id, **opened(20))
    assert again == first
    coupons.checkout_closed("o1", at=NOON + 10 * SECOND)  # of the first opening
    assert coupons.release("o1", **opened(0)) == "confirmed"
    assert coupons.status(member_id) == "reserved"
    coupons.checkout_closed("o1", at=NOON + 30 * SECOND)
    assert coupons.status(member_id) == "issued"


def test_later_opening_may_have_another_basket(coupons: Coupons) -> None:
    member_id, campaign_id, coupon = held(coupons, budget_minor=1_000)
    coupons.reserve("o1", [coupon["code"]], member_id, **opened(0))
    lines = [{"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 300}]
    with pytest.raises(Refused, match="order_conflict"):
        coupons.reserve("o1", [coupon["code"]], member_id, lines=lines, **opened(0))
    answer = coupons.reserve("o1", [coupon["code"]], member_id, lines=lines, **opened(5))
    assert answer["discount_minor"] == 300
    assert coupons.usage(campaign_id)["budget", ""] == 300
    with pytest.raises(Refused, match="order_closed"):
        coupons.reserve("o1", [coupon["code"]], member_id, **opened(0))


def test_release_of_an_earlier_opening_leaves_a_later_one(coupons: Coupons) -> None:
    coupons.public()
    coupons.reserve("o1", ["SPRING"], **opened(5))
    assert coupons.release("o1", **opened(0)) == "reserved"
    assert coupons.release("o1", **opened(5)) == "released"


# Outcomes, in any order.


@pytest.mark.rule("C3")
@pytest.mark.parametrize("undo", ["cancel", "full return"])
def test_undone_sale_restores_code_dates_and_counts(coupons: Coupons, undo: str) -> None:
    member_id, campaign_id, coupon = held(
        coupons,
        validity={"days_after_issue": 5},
        limits={"per_member": 1, "per_member_per_day": 1, "per_store": 1, "total": 1},
        budget_minor=500,
    )
    coupons.buy("o1", [coupon["code"]], member_id)
    full = coupons.usage(campaign_id)
    if undo == "cancel":
        coupons.sale_cancelled("o1")
    else:
        coupons.sale_returned("o1", full=True)
    (restored,) = coupons.wallet(member_id)
    assert restored == {**coupon, "status": "restored"}
    assert coupons.usage(campaign_id) == {
        key: used if key[0] in ("held", "issued") else 0 for key, used in full.items()
    }
    coupons.buy("o2", [coupon["code"]], member_id)
    assert coupons.usage(campaign_id) == full


@pytest.mark.rule("C3")
def test_partial_return_restores_only_where_the_campaign_says_so(coupons: Coupons) -> None:
    member_id = coupons.member()
    kept = coupons.campaign(stacking={"category": "a"})
    given_back = coupons.campaign(stacking={"category": "b"}, restore_on_partial_return=True)
    claimed = [coupons.claim(campaign_id, member_id) for campaign_id in (kept, given_back)]
    coupons.buy("o1", [coupon["code"] for coupon in claimed], member_id)

    def statuses() -> dict[str, str]:
        return {item["campaign_id"]: item["status"] for item in coupons.wallet(member_id)}

    coupons.sale_returned("o1", full=False)
    assert statuses() == {kept: "redeemed", given_back: "restored"}
    coupons.buy("o2", [claimed[1]["code"]], member_id)
    coupons.sale_returned("o1", full=True)
    assert statuses() == {kept: "restored", given_back: "redeemed"}


@pytest.mark.rule("C3")
def test_use_of_a_public_code_is_counted_and_given_back(coupons: Coupons) -> None:
    member_id = coupons.member()
    campaign_id = coupons.public(limits={"total": 1, "per_member": 1}, budget_minor=500)
    coupons.buy("o1", ["SPRING"], member_id)
    answer = coupons.reserve("o2", ["SPRING"], member_id)
    assert rejected(answer) == {"SPRING": "limit_reached"}
    answer = coupons.reserve("o3", ["SPRING"], coupons.member())
    assert rejected(answer) == {"SPRING": "budget_exhausted"}
    coupons.sale_cancelled("o1")
    assert set(coupons.usage(campaign_id).values()) == {0}
    assert coupons.reserve("o4", ["SPRING"], member_id)["discount_minor"] == 500


@pytest.mark.rule("C6")
def test_limit_per_day_counts_the_local_day_of_the_purchase(coupons: Coupons) -> None:
    member_id = coupons.member()
    coupons.public(limits={"per_member_per_day": 1})
    coupons.buy("o1", ["SPRING"], member_id)
    assert rejected(coupons.reserve("o2", ["SPRING"], member_id)) == {"SPRING": "limit_reached"}
    coupons.clock.move_to(NOON.replace(hour=16))  # midnight in Shanghai
    assert coupons.reserve("o3", ["SPRING"], member_id)["discount_minor"] == 500
    late = coupons.reserve("o4", ["SPRING"], member_id, occurred_at=rfc3339(NOON))
    assert rejected(late) == {"SPRING": "limit_reached"}


@pytest.mark.rule("C6")
def test_code_that_is_not_applied_takes_nothing_from_the_counters(coupons: Coupons) -> None:
    first = coupons.public("AAA", budget_minor=1_000)
    second = coupons.public("BBB", budget_minor=1_000, limits={"total": 5})
    answer = coupons.reserve("o1", ["AAA", "BBB"])
    assert [each["reason"] for each in answer["skipped"]] == ["category_taken"]
    assert coupons.usage(first) == {("budget", ""): 500}
    assert set(coupons.usage(second).values()) == {0}


def test_events_heard_twice_change_nothing(coupons: Coupons) -> None:
    member_id, campaign_id, coupon = held(coupons, budget_minor=500)
    coupons.reserve("o1", [coupon["code"]], member_id)
    coupons.confirm("o1")
    recorded = coupons.sale_recorded("o1")
    coupons.hear(recorded)
    cancelled = coupons.sale_cancelled("o1")
    coupons.hear(cancelled)
    coupons.hear(recorded)
    coupons.sale_returned("o1", full=True)  # of a sale that is undone already
    assert coupons.usage(campaign_id)["budget", ""] == 0
    assert [name for name, _ in coupons.events()].count("coupon.restored") == 1


@pytest.mark.parametrize("full", [True, False])
def test_outcomes_in_the_wrong_order_end_the_same(coupons: Coupons, full: bool) -> None:
    member_id, campaign_id, coupon = held(coupons, budget_minor=500)
    coupons.reserve("o1", [coupon["code"]], member_id)
    coupons.confirm("o1")
    coupons.sale_returned("o1", full=full)
    coupons.sale_recorded("o1")
    assert coupons.status(member_id) == ("restored" if full else "redeemed")
    assert coupons.usage(campaign_id)["budget", ""] == (0 if full else 500)
    if full:
        with pytest.raises(Refused, match="order_closed"):
            coupons.reserve("o1", [coupon["code"]], member_id, **opened(99))


def test_sales_without_coupons_leave_no_trace(coupons: Coupons) -> None:
    coupons.sale_recorded("o1", coupon_codes=False)
    coupons.sale_returned("o1", full=True)
    coupons.sale_cancelled("o1")
    assert coupons.database.query("SELECT 1 FROM orders") == []


def test_pause_stops_new_reservations_and_leaves_earlier_ones(coupons: Coupons) -> None:
    campaign_id = coupons.public()
    coupons.reserve("o1", ["SPRING"])
    coupons.call(rpc.PAUSE_CAMPAIGN, {"campaign_id": campaign_id})
    assert rejected(coupons.reserve("o2", ["SPRING"])) == {"SPRING": "paused"}
    assert coupons.confirm("o1") == "confirmed"
