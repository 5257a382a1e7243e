from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.tiers import rpc as contract
from shared.ids import new_id
from tests.integration.tiers.harness import START, Tiers, enrolled, sold

DAY = timedelta(days=1)
PLAN = {"plan": "gold-12", "name": "Gold", "tier": "GOLD", "months": 12, "price_minor": 19_900}


@pytest.fixture
def member_id(tiers: Tiers) -> UUID:
    tiers.call(contract.CREATE_PLAN, PLAN)
    member_id = new_id()
    tiers.hear(enrolled(member_id))
    return member_id


def buy(member_id: UUID, order_id: str, plan: str = "gold-12") -> dict[str, Any]:
    return {
        "member_id": str(member_id),
        "plan": plan,
        "order_id": order_id,
        "paid_minor": 19_900,
    }


def shown(tiers: Tiers, member_id: UUID) -> tuple[str, str]:
    body = tiers.tier(member_id)
    return body["tier"]["code"], body["source"]


@pytest.mark.rule("T7", "T8")
def test_paid_tier_holds_for_the_period_and_then_falls_to_what_is_earned(
    tiers: Tiers, member_id: UUID
) -> None:
    made = tiers.call(contract.BUY_PLAN, buy(member_id, "o-1"))
    assert (made["starts_at"], made["ends_at"]) == ("2026-03-01T04:00:00Z", "2027-03-01T04:00:00Z")
    assert shown(tiers, member_id) == ("GOLD", "purchased")
    tiers.hear(sold(member_id, "s-1", 100_000))
    assert shown(tiers, member_id) == ("GOLD", "purchased")
    tiers.pass_time(START.replace(year=2027))
    assert shown(tiers, member_id) == ("SILVER", "earned")
    last = tiers.history(member_id)[-1]
    assert (last["reason"], last["reference"]) == ("purchased_ended", made["subscription_id"])


@pytest.mark.rule("T7")
def test_second_purchase_begins_when_the_first_ends(tiers: Tiers, member_id: UUID) -> None:
    tiers.call(contract.BUY_PLAN, buy(member_id, "o-1"))
    tiers.clock.advance(days=100)
    second = tiers.call(contract.BUY_PLAN, buy(member_id, "o-2"))
    assert (second["starts_at"], second["ends_at"]) == (
        "2027-03-01T04:00:00Z",
        "2028-03-01T04:00:00Z",
    )
    tiers.pass_time(START.replace(year=2027) + DAY)
    assert shown(tiers, member_id) == ("GOLD", "purchased")
    assert [each["tier"] for each in tiers.changes()] == ["BRONZE", "GOLD"]


@pytest.mark.rule("T7", "L7")
def test_order_buys_once_and_not_something_else(tiers: Tiers, member_id: UUID) -> None:
    made = tiers.call(contract.BUY_PLAN, buy(member_id, "o-1"))
    assert tiers.call(contract.BUY_PLAN, buy(member_id, "o-1")) == made
    other = {**buy(member_id, "o-1"), "paid_minor": 1}
    assert tiers.refusal(contract.BUY_PLAN, other) == "subscription_conflict"
    assert tiers.refusal(contract.BUY_PLAN, buy(new_id(), "o-1")) == "subscription_conflict"
    page = tiers.call(contract.SUBSCRIPTIONS, {"member_id": str(member_id)})
    assert page["items"] == [made]


@pytest.mark.rule("T7")
def test_cancel_within_the_cooling_off_time_refunds_and_ends_at_once(
    tiers: Tiers, member_id: UUID
) -> None:
    tiers.call(contract.BUY_PLAN, buy(member_id, "o-1"))
    tiers.clock.advance(days=13)
    done = tiers.call(contract.CANCEL_SUBSCRIPTIONS, {"member_id": str(member_id)})["items"]
    assert [(each["status"], each["refund_minor"]) for each in done] == [("refunded", 19_900)]
    assert shown(tiers, member_id) == ("BRONZE", "earned")
    assert tiers.history(member_id)[-1]["reason"] == "purchase_refunded"
    again = {"member_id": str(member_id), "subscription_id": done[0]["subscription_id"]}
    assert tiers.call(contract.CANCEL_SUBSCRIPTIONS, again)["items"] == done
    nothing = {"member_id": str(member_id)}
    assert tiers.refusal(contract.CANCEL_SUBSCRIPTIONS, nothing) == "not_found"


@pytest.mark.rule("T7")
def test_cancel_later_keeps_what_is_paid_for(tiers: Tiers, member_id: UUID) -> None:
    tiers.call(contract.BUY_PLAN, buy(member_id, "o-1"))
    tiers.clock.advance(days=14)
    done = tiers.call(contract.CANCEL_SUBSCRIPTIONS, {"member_id": str(member_id)})["items"]
    assert [(each["status"], each["refund_minor"]) for each in done] == [("cancelled", 0)]
    tiers.pass_time(START.replace(year=2027) - timedelta(seconds=1))
    assert shown(tiers, member_id) == ("GOLD", "purchased")
    tiers.pass_time(START.replace(year=2027))
    assert shown(tiers, member_id) == ("BRONZE", "earned")
    assert tiers.told("subscription.renewal_due") == []


@pytest.mark.rule("T7")
def test_refunded_period_lets_the_next_one_begin_earlier(tiers: Tiers, member_id: UUID) -> None:
    first = tiers.call(contract.BUY_PLAN, buy(member_id, "o-1"))
    tiers.call(contract.BUY_PLAN, buy(member_id, "o-2"))
    tiers.clock.advance(days=1)
    one = {"member_id": str(member_id), "subscription_id": first["subscription_id"]}
    tiers.call(contract.CANCEL_SUBSCRIPTIONS, one)
    second = tiers.call(contract.SUBSCRIPTIONS, {"member_id": str(member_id)})["items"][0]
    assert (second["starts_at"], second["ends_at"]) == (
        "2026-03-02T04:00:00Z",
        "2027-03-02T04:00:00Z",
    )
    assert shown(tiers, member_id) == ("GOLD", "purchased")


@pytest.mark.rule("T7")
def test_renewal_is_told_of_14_days_ahead_once_unless_something_follows(
    tiers: Tiers, member_id: UUID
) -> None:
    made = tiers.call(contract.BUY_PLAN, buy(member_id, "o-1"))
    other = new_id()
    tiers.call(contract.BUY_PLAN, buy(other, "o-2"))
    tiers.call(contract.BUY_PLAN, buy(other, "o-3"))
    for days in (15, 14, 13):
        tiers.pass_time(START.replace(year=2027) - days * DAY)
    assert tiers.told("subscription.renewal_due") == [
        {
            "subscription_id": made["subscription_id"],
            "member_id": str(member_id),
            "plan": "gold-12",
            "tier": "GOLD",
            "ends_at": "2027-03-01T04:00:00Z",
        }
    ]


@pytest.mark.rule("T7")
def test_plan_has_a_known_tier_and_a_code_of_its_own(tiers: Tiers, member_id: UUID) -> None:
    assert tiers.refusal(contract.CREATE_PLAN, PLAN) == "plan_taken"
    unknown = {**PLAN, "plan": "x", "tier": "DIAMOND"}
    assert tiers.refusal(contract.CREATE_PLAN, unknown) == "unknown_tier"
    assert tiers.refusal(contract.BUY_PLAN, buy(member_id, "o-1", "x")) == "plan_not_on_sale"
    changed = {"plan": "gold-12", "price_minor": 1, "on_sale": False}
    assert tiers.call(contract.AMEND_PLAN, changed)["price_minor"] == 1
    assert tiers.refusal(contract.BUY_PLAN, buy(member_id, "o-1")) == "plan_not_on_sale"
    assert tiers.refusal(contract.AMEND_PLAN, {"plan": "none"}) == "not_found"
    assert [each["plan"] for each in tiers.call(contract.PLANS, {})["items"]] == ["gold-12"]
