from __future__ import annotations

from typing import Any

import pytest

from shared.clock import rfc3339
from shared.contracts import platform
from tests.integration.coupons.harness import NOON, SECOND, TILL, Coupons, Refused, held, rejected


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
                "version": 1,
                "name": "Spring",
                "kind": "amount_off",
                "gift_sku": None,
                "discount_minor": 500,
                "line_discounts": [{"line_id": "1", "discount_minor": 500}],
            },
            {
                "code": "tEN",
                "coupon_id": None,
                "campaign_id": public_id,
                "version": 1,
                "name": "Spring",
                "kind": "percent_off",
                "gift_sku": None,
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
        {"mode": "cheapest"},
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
    from services.coupons.service.rewards import (  # noqa: PLC0415 - its constant is tested
        FREE_LAPSED_EVERY_S,
    )

    assert FREE_LAPSED_EVERY_S <= 2
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


def test_service_answers_ping(coupons: Coupons) -> None:
    pong = coupons.call(platform.of("coupons", platform.PING), actor=TILL)
    assert pong["service"] == "coupons"
