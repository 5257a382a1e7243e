"""What is offered for points, and rewards that are coupons (R1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from shared.calls import Actor
from shared.clock import rfc3339
from shared.contracts.coupons import rewards
from shared.errors.coupons import RewardCouponUsed
from shared.ids import new_id
from tests.integration.coupons.harness import NOON, Body, Refused
from tests.integration.coupons.reward_desk import POT, Desk

DAY = timedelta(days=1)


def test_reward_comes_back_as_it_was_written_and_changed(desk: Desk) -> None:
    written = {**POT, "stock": 5, "per_member": 2, "tiers": ["GOLD"], "description": "Blue."}
    written["window"] = {"from": rfc3339(NOON), "until": rfc3339(NOON + DAY)}
    made = desk.coupons.call(rewards.CREATE, written)
    assert {name: made[name] for name in written} == written
    change = {"reward_id": made["reward_id"], "stock": None, "window": None, "points": 900}
    changed = desk.coupons.call(rewards.AMEND, change)
    assert {**made, **change, "updated_at": changed["updated_at"]} == changed
    assert desk.coupons.call(rewards.LIST, {})["items"] == [changed]
    assert desk.coupons.call(rewards.LIST, {"kind": "event"})["items"] == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "coupon"}, "campaign_id"),
        ({"campaign_id": str(new_id())}, "campaign_id"),
        ({"kind": "coupon", "campaign_id": str(new_id())}, "campaign_id"),
        ({"window": {"from": rfc3339(NOON), "until": rfc3339(NOON)}}, "window.until"),
        ({"points": 0}, "points"),
        ({"stock": -1}, "stock"),
    ],
)
def test_impossible_reward_is_refused_by_field(desk: Desk, wrong: Body, field: str) -> None:
    with pytest.raises(Refused, match="validation_failed") as refused:
        desk.reward(**wrong)
    assert [each["field"] for each in refused.value.error["errors"]] == [field]


def test_reward_of_a_public_code_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused, match="validation_failed"):
        desk.reward(kind="coupon", campaign_id=desk.coupons.public())


def test_members_see_what_can_be_ordered(desk: Desk) -> None:
    member = Actor("member", str(new_id()))
    desk.reward(window={"until": rfc3339(NOON)})
    later = desk.reward(window={"from": rfc3339(NOON + DAY)})
    now = desk.reward(window={"from": rfc3339(NOON), "until": rfc3339(NOON + DAY)})
    seen = desk.coupons.call(rewards.LIST, {}, actor=member)["items"]
    assert [each["reward_id"] for each in seen] == [now]
    with pytest.raises(Refused, match="not_found"):
        desk.coupons.call(rewards.GET, {"reward_id": later}, actor=member)
    assert len(desk.coupons.call(rewards.LIST, {})["items"]) == 3


@pytest.mark.rule("R1")
def test_reward_of_kind_coupon_issues_as_many_and_takes_them_back(desk: Desk) -> None:
    member_id, limits = desk.coupons.member(), {"total": 3, "per_member": 3}
    campaign_id = desk.coupons.campaign(limits=limits)
    reward_id = desk.reward(kind="coupon", campaign_id=campaign_id)
    order = desk.order(reward_id, member_id, 2)
    held = desk.coupons.wallet(member_id)
    assert sorted(order["coupon_ids"]) == sorted(item["coupon_id"] for item in held)
    assert {item["status"] for item in held} == {"issued"}
    with pytest.raises(Refused, match="limit_reached"):
        desk.reserve(reward_id, member_id, 2)
    with pytest.raises(Refused, match="budget_exhausted"):
        desk.reserve(reward_id, desk.coupons.member(), 2)
    desk.cancel(order)
    assert {item["status"] for item in desk.coupons.wallet(member_id)} == {"void"}
    assert set(desk.coupons.usage(campaign_id).values()) == {0}
    desk.order(reward_id, member_id, 3)


def test_coupons_to_come_are_counted_before_they_are_paid(desk: Desk) -> None:
    campaign_id = desk.coupons.campaign(limits={"total": 1})
    reward_id = desk.reward(kind="coupon", campaign_id=campaign_id)
    reserved = desk.reserve(reward_id, desk.coupons.member())
    with pytest.raises(Refused, match="budget_exhausted"):
        desk.coupons.claim(campaign_id, desk.coupons.member())
    desk.coupons.call(rewards.FREE, {"order_id": reserved["order_id"]})
    desk.coupons.claim(campaign_id, desk.coupons.member())


def _use(desk: Desk, member_id: UUID) -> None:
    (coupon,) = desk.coupons.wallet(member_id)
    desk.coupons.buy("o1", [coupon["code"]], member_id)


def _wait(desk: Desk, _: UUID) -> None:
    desk.coupons.clock.advance(days=3)


@pytest.mark.parametrize("lose", [_use, _wait])
def test_order_whose_coupon_is_gone_is_not_cancelled(
    desk: Desk, lose: Callable[[Desk, UUID], None]
) -> None:
    member_id = desk.coupons.member()
    campaign_id = desk.coupons.campaign(validity={"days_after_issue": 1})
    order = desk.order(desk.reward(kind="coupon", campaign_id=campaign_id), member_id)
    lose(desk, member_id)
    with pytest.raises(Refused, match=RewardCouponUsed.code):
        desk.cancel(order)
    assert desk.coupons.events("reward.cancelled") == []


@pytest.mark.parametrize(("act", "reason"), [("pause", "paused"), ("archive", "archived")])
def test_coupon_of_a_campaign_that_gives_none_is_refused(desk: Desk, act: str, reason: str) -> None:
    campaign_id = desk.coupons.campaign()
    reward_id = desk.reward(kind="coupon", campaign_id=campaign_id)
    handler = getattr(desk.coupons.service, f"{act}_campaign")
    desk.coupons.call(handler.contract, {"campaign_id": campaign_id})
    with pytest.raises(Refused, match="reward_not_available") as refused:
        desk.reserve(reward_id, desk.coupons.member())
    assert refused.value.error["extra"]["reason"] == reason
