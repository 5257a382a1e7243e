from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from shared.clock import rfc3339
from shared.contracts.coupons import rpc
from tests.integration.coupons.harness import NOON, TILL, Coupons, Refused, together

SECOND = timedelta(seconds=1)


def held(coupons: Coupons, **more: Any) -> tuple[UUID, str, dict[str, Any]]:
    """Return a member, its campaign and the coupon it claimed."""
    member_id, campaign_id = coupons.member(), coupons.campaign(**more)
    return member_id, campaign_id, coupons.claim(campaign_id, member_id)


def rejected(answer: dict[str, Any]) -> dict[str, str]:
    return {each["code"]: each["reason"] for each in answer["rejected"]}


def opened(at: int) -> dict[str, Any]:
    """Return the checkout's opening as points tells it, ``at`` seconds after noon."""
    return {"opened_at": rfc3339(NOON + at * SECOND)}


@pytest.mark.rule("C1", "C7")
def test_reserve_applies_codes_as_they_were_typed(coupons: Coupons) -> None:
    member_id, campaign_id, coupon = held(coupons)
    public_id = coupons.public("Ten", kind="percent_off", value=10, stacking={"category": "b"})
    typed = coupon["code"].lower().replace("-", " ")
    answer = coupons.reserve("o1", [typed, "tEN", "NOPE"], member_id)
    assert answer == {
        "order_id": "o1",
        "applied": [
            {
                "code": typed,
                "coupon_id": coupon["coupon_id"],
                "campaign_id": campaign_id,
                "name": "Spring",
                "kind": "amount_off",
                "discount_minor": 500,
                "line_discounts": [{"line_id": "1", "discount_minor": 500}],
            },
            {
                "code": "tEN",
                "coupon_id": None,
                "campaign_id": public_id,
                "name": "Spring",
                "kind": "percent_off",
                "discount_minor": 50,
                "line_discounts": [{"line_id": "1", "discount_minor": 50}],
            },
        ],
        "skipped": [],
        "rejected": [{"code": "NOPE", "reason": "unknown", "message": "There is no such code."}],
        "discount_minor": 550,
    }
    assert coupons.status(member_id) == "reserved"
    assert coupons.wallet(member_id)[0]["reason"] == "reserved"


@pytest.mark.rule("C1")
def test_coupon_goes_through_its_states_with_a_history(coupons: Coupons) -> None:
    member_id, campaign_id, coupon = held(coupons)
    coupons.buy("o1", [coupon["code"]], member_id)
    assert coupons.status(member_id) == "redeemed"
    assert coupons.wallet(member_id)[0]["reason"] == "used"
    coupons.sale_cancelled("o1")
    assert coupons.status(member_id) == "restored"
    coupons.reserve("o2", [coupon["code"]], member_id)
    coupons.release("o2")
    assert coupons.status(member_id) == "restored"
    assert coupons.changes(coupon["coupon_id"]) == [
        (None, "issued", "claim"),
        ("issued", "reserved", "reserve"),
        ("reserved", "redeemed", "sale.recorded"),
        ("redeemed", "restored", "sale.cancelled"),
        ("restored", "reserved", "reserve"),
        ("reserved", "restored", "release"),
    ]
    used = {
        "coupon_id": coupon["coupon_id"],
        "campaign_id": campaign_id,
        "member_id": str(member_id),
        "order_id": "o1",
        "discount_minor": 500,
    }
    assert coupons.events()[1:] == [
        ("coupon.reserved", used),
        ("coupon.redeemed", used),
        ("coupon.restored", used),
        ("coupon.reserved", {**used, "order_id": "o2"}),
    ]


@pytest.mark.rule("C2")
def test_same_order_again_gets_the_same_answer_and_counts_once(coupons: Coupons) -> None:
    member_id, campaign_id, coupon = held(coupons, limits={"per_member": 1}, budget_minor=500)
    first = coupons.reserve("o1", [coupon["code"]], member_id)
    assert coupons.reserve("o1", [coupon["code"]], member_id) == first
    coupons.confirm("o1")
    assert coupons.confirm("o1") == "confirmed"
    assert coupons.reserve("o1", [coupon["code"]], member_id) == first
    coupons.sale_recorded("o1")
    assert coupons.confirm("o1") == "redeemed"
    assert coupons.reserve("o1", [coupon["code"]], member_id) == first
    assert coupons.usage(campaign_id)["budget", ""] == 500
    assert len(coupons.database.query("SELECT 1 FROM redemptions")) == 1


def test_same_order_with_another_basket_conflicts(coupons: Coupons) -> None:
    coupons.public()
    coupons.reserve("o1", ["SPRING"])
    with pytest.raises(Refused, match="order_conflict"):
        coupons.reserve("o1", [])
    assert coupons.reserve("o1", ["SPRING"])["discount_minor"] == 500


@pytest.mark.rule("C2")
def test_used_reserved_and_foreign_coupons_are_refused_each_with_its_reason(
    coupons: Coupons,
) -> None:
    member_id, _, coupon = held(coupons)
    code = coupon["code"]
    assert rejected(coupons.reserve("o0", [code], coupons.member())) == {code: "foreign"}
    assert rejected(coupons.reserve("o00", [code])) == {code: "member_required"}
    coupons.reserve("o1", [code], member_id)
    assert rejected(coupons.reserve("o2", [code], member_id)) == {code: "reserved"}
    coupons.confirm("o1")
    coupons.sale_recorded("o1")
    assert rejected(coupons.reserve("o3", [code], member_id)) == {code: "used"}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"currency": "USD"}, "currency_mismatch"),
        ({"channel": "web"}, "wrong_scope"),
        ({"store_id": "S002"}, "wrong_scope"),
        ({"member_id": None}, "member_required"),
    ],
)
def test_circumstances_of_the_order_are_judged(
    coupons: Coupons, more: dict[str, Any], reason: str
) -> None:
    member_id = coupons.member(tier="GOLD")
    scope = {"channels": ["store"], "stores": ["S001"], "tiers": ["GOLD"]}
    coupons.public(scope=scope)
    assert coupons.reserve("good", ["SPRING"], member_id)["rejected"] == []
    order = {"order_id": "bad", "codes": ["SPRING"], "member_id": member_id, **more}
    assert rejected(coupons.reserve(**order)) == {"SPRING": reason}


@pytest.mark.parametrize(
    "wrong",
    [
        {"codes": ["x"] * 31},
        {"codes": ["x" * 101]},
        {"lines": []},
        {"lines": [{"line_id": "1", "sku": "a", "quantity": 1, "net_minor": 1}] * 2},
        {"mode": "best_for_member"},
    ],
)
def test_malformed_reservation_is_refused(coupons: Coupons, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="validation_failed"):
        coupons.reserve("o1", **{"codes": [], **wrong})


def test_codes_are_applied_by_priority_if_asked_to(coupons: Coupons) -> None:
    coupons.public("LATE", priority=9, stacking={"category": "a"})
    coupons.public("SOON", priority=1, stacking={"category": "b"})
    answer = coupons.reserve("o1", ["LATE", "SOON"], mode="priority")
    assert [each["code"] for each in answer["applied"]] == ["SOON", "LATE"]


# Time.


@pytest.mark.rule("C2")
def test_lapsed_reservation_is_freed_by_the_sweep_with_its_counts(coupons: Coupons) -> None:
    member_id, campaign_id, coupon = held(
        coupons, limits={"per_member": 1, "per_store": 1}, budget_minor=500
    )
    coupons.reserve("o1", [coupon["code"]], member_id, ttl_s=60)
    coupons.clock.advance(seconds=59.9)
    coupons.service.free_lapsed_orders()
    assert coupons.status(member_id) == "reserved"
    coupons.clock.advance(seconds=0.1)
    coupons.service.free_lapsed_orders()
    assert coupons.status(member_id) == "issued"
    assert coupons.usage(campaign_id) == {
        ("held", str(member_id)): 1,
        ("member", str(member_id)): 0,
        ("store", "S001"): 0,
        ("budget", ""): 0,
    }
    assert coupons.reserve("o2", [coupon["code"]], member_id)["discount_minor"] == 500


@pytest.mark.rule("C2")
def test_sweep_runs_often_enough_to_free_within_five_seconds(coupons: Coupons) -> None:
    from services.coupons import service  # noqa: PLC0415 - its constant is what is tested

    assert service.FREE_LAPSED_EVERY_S <= 2
    for number in range(60):  # more than one batch
        coupons.reserve(f"o{number}", [], ttl_s=1)
    coupons.clock.advance(seconds=1)
    coupons.service.free_lapsed_orders()
    rows = coupons.database.query("SELECT DISTINCT status FROM orders")
    assert [row.status for row in rows] == ["expired"]


@pytest.mark.rule("H2")
def test_confirmed_reservation_does_not_lapse_by_itself(coupons: Coupons) -> None:
    member_id, _, coupon = held(coupons)
    coupons.reserve("o1", [coupon["code"]], member_id, ttl_s=60)
    assert coupons.confirm("o1") == "confirmed"
    coupons.clock.advance(days=3)
    coupons.service.due_work()
    assert coupons.status(member_id) == "reserved"
    coupons.sale_recorded("o1")
    assert coupons.status(member_id) == "redeemed"


@pytest.mark.parametrize("swept", [False, True])
def test_confirm_after_the_time_is_refused_and_the_order_may_reserve_anew(
    coupons: Coupons, swept: bool
) -> None:
    member_id, _, coupon = held(coupons)
    coupons.reserve("o1", [coupon["code"]], member_id, ttl_s=60)
    coupons.clock.advance(seconds=60)
    if swept:
        coupons.service.free_lapsed_orders()
    with pytest.raises(Refused, match="reservation_expired"):
        coupons.confirm("o1")
    assert coupons.reserve("o1", [coupon["code"]], member_id)["discount_minor"] == 500
    assert coupons.confirm("o1") == "confirmed"
    assert len(coupons.database.query("SELECT 1 FROM redemptions WHERE status = 'reserved'")) == 1


def test_reserving_for_a_checkout_that_is_over_is_refused(coupons: Coupons) -> None:
    with pytest.raises(Refused, match="reservation_expired"):
        coupons.reserve("o1", [], ttl_s=0)


def test_confirm_of_an_unknown_order_is_not_found(coupons: Coupons) -> None:
    with pytest.raises(Refused, match="not_found"):
        coupons.confirm("o1")


@pytest.mark.rule("S5", "C5")
@pytest.mark.parametrize("swept", [False, True])
def test_sale_made_in_time_and_posted_late_still_takes_its_coupon(
    coupons: Coupons, swept: bool
) -> None:
    member_id, _, coupon = held(coupons, validity={"days_after_issue": 0})
    coupons.clock.advance(days=1)
    if swept:
        coupons.service.expire_coupons()
    answer = coupons.reserve("now", [coupon["code"]], member_id)
    assert rejected(answer) == {coupon["code"]: "lapsed"}
    then = coupons.reserve(
        "then", [coupon["code"]], member_id, occurred_at=rfc3339(NOON + 3 * SECOND)
    )
    assert then["discount_minor"] == 500
    coupons.release("then")
    assert coupons.status(member_id) == "expired"


def test_till_whose_clock_is_behind_takes_a_coupon_claimed_just_now(coupons: Coupons) -> None:
    member_id, _, coupon = held(coupons)
    before = rfc3339(NOON - 60 * SECOND)
    answer = coupons.reserve("o1", [coupon["code"]], member_id, occurred_at=before)
    assert answer["discount_minor"] == 500


def test_order_from_the_future_is_judged_now(coupons: Coupons) -> None:
    member_id, _, coupon = held(
        coupons, validity={"from": "2026-04-01T00:00:00Z", "until": "2026-05-01T00:00:00Z"}
    )
    answer = coupons.reserve("o1", [coupon["code"]], member_id, occurred_at="2026-04-10T00:00:00Z")
    assert rejected(answer) == {coupon["code"]: "not_yet_valid"}


# Orders that end, and orders that are opened again.


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
    coupons.reserve("o1", ["SPRING"], member_id)
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


# Many at once.


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


def test_service_answers_ping(coupons: Coupons) -> None:
    from shared.contracts import platform  # noqa: PLC0415 - the only test that needs it

    pong = coupons.call(platform.of("coupons", platform.PING), actor=TILL)
    assert pong["service"] == "coupons"
