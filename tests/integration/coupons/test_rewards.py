"""Rewards and their orders as coupons keeps them: stock, shares, states (R1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.calls import Actor
from shared.clock import rfc3339
from shared.contracts.coupons import rewards
from shared.contracts.points import events as points
from shared.errors.coupons import RewardCouponUsed
from shared.ids import new_id
from tests.integration.coupons.harness import NOON, Body, Coupons, Refused, together

DAY = timedelta(days=1)
SUPPORT = Actor("staff", "support-1", roles=("support",))
POT = {"name": "Tea pot", "kind": "item", "points": 800}


class Desk:
    """Orders rewards as the gateway does, without points."""

    def __init__(self, coupons: Coupons) -> None:
        self.coupons = coupons

    def reward(self, **more: Any) -> str:
        """Return the id of a new reward."""
        made: str = self.coupons.call(rewards.CREATE, {**POT, **more})["reward_id"]
        return made

    def left(self, reward_id: str) -> int | None:
        """Return what is left of a reward."""
        stock: int | None = self.coupons.call(rewards.GET, {"reward_id": reward_id})["stock"]
        return stock

    def taken(self) -> list[int]:
        """Return what members have of rewards."""
        rows = self.coupons.database.query("SELECT taken FROM reward_holders ORDER BY taken")
        return [row.taken for row in rows]

    def reserve(self, reward_id: str, member_id: UUID, quantity: int = 1, **more: Any) -> Body:
        """Take stock."""
        command = {
            "reward_id": reward_id,
            "member_id": str(member_id),
            "quantity": quantity,
            "request_key": str(uuid4()),
            "fingerprint": f"{quantity}",
            **more,
        }
        actor = Actor("member", str(member_id))
        return self.coupons.call(rewards.RESERVE, command, actor=actor)

    def confirm(self, order: Body, hold_id: UUID) -> str:
        """Confirm; returns the status."""
        command = {"order_id": order["order_id"], "hold_id": str(hold_id)}
        status: str = self.coupons.call(rewards.CONFIRM, command)["status"]
        return status

    def complete(self, order: Body) -> Body:
        """Hand over what was paid."""
        return self.coupons.call(rewards.COMPLETE, {"order_id": order["order_id"]})

    def order(self, reward_id: str, member_id: UUID, quantity: int = 1) -> Body:
        """Order and pay."""
        reserved = self.reserve(reward_id, member_id, quantity)
        self.confirm(reserved, new_id())
        return self.complete(reserved)

    def cancel(self, order: Body, **more: Any) -> Body:
        """Cancel as support."""
        command = {"order_id": order["order_id"], **more}
        return self.coupons.call(rewards.CANCEL, command, actor=SUPPORT)

    def fulfil(self, order: Body) -> Body:
        """Hand it over the counter."""
        return self.coupons.call(rewards.FULFIL, {"order_id": order["order_id"]}, actor=SUPPORT)

    def hear(self, status: str, order: Body, hold_id: UUID) -> None:
        """Hear from points how the hold of an order ended."""
        data = {
            "member_id": new_id(),
            "transaction_id": new_id(),
            "order_id": rewards.hold_order_id(order["order_id"]),
            "points": 800,
        }
        if status == "captured":
            self.coupons.tell(points.REDEEMED, {**data, "sale_id": None})
        else:
            self.coupons.tell(points.RELEASED, {**data, "hold_id": hold_id, "status": status})

    def status(self, order: Body) -> str:
        """Return the status as it is stored."""
        (row,) = self.coupons.database.query(
            "SELECT status FROM reward_orders WHERE order_id = CAST(:id AS uuid)",
            id=order["order_id"],
        )
        return str(row.status)


@pytest.fixture
def desk(coupons: Coupons) -> Desk:
    return Desk(coupons)


# The catalogue.


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


# Who may order.


@pytest.mark.rule("R1")
@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"window": {"from": rfc3339(NOON + DAY)}}, "reward_not_begun"),
        ({"window": {"until": rfc3339(NOON)}}, "reward_ended"),
        ({"tiers": ["GOLD", "PLATINUM"]}, "reward_wrong_tier"),
    ],
)
def test_order_outside_window_or_tiers_is_refused(desk: Desk, terms: Body, reason: str) -> None:
    reward_id = desk.reward(stock=1, **terms)
    with pytest.raises(Refused, match="reward_not_available") as refused:
        desk.reserve(reward_id, desk.coupons.member(tier="SILVER"))
    assert refused.value.error["extra"]["reason"] == reason
    assert (desk.left(reward_id), desk.taken()) == (1, [])


def test_frozen_member_orders_nothing(desk: Desk) -> None:
    with pytest.raises(Refused, match="reward_not_available") as refused:
        desk.reserve(desk.reward(), desk.coupons.member(status="frozen"))
    assert refused.value.error["extra"]["reason"] == "member_not_active"


@pytest.mark.rule("R1")
def test_more_than_is_left_or_allowed_is_refused_and_takes_nothing(desk: Desk) -> None:
    member_id = desk.coupons.member()
    reward_id = desk.reward(stock=3, per_member=2)
    with pytest.raises(Refused, match="limit_reached"):
        desk.reserve(reward_id, member_id, 3)
    with pytest.raises(Refused, match="out_of_stock"):
        desk.reserve(reward_id, member_id, 4)
    assert (desk.left(reward_id), desk.taken()) == (3, [])
    desk.order(reward_id, member_id, 2)
    with pytest.raises(Refused, match="limit_reached"):
        desk.reserve(reward_id, member_id)
    with pytest.raises(Refused, match="out_of_stock"):
        desk.reserve(reward_id, desk.coupons.member(), 2)
    assert (desk.left(reward_id), desk.taken()) == (1, [2])


def test_database_itself_refuses_stock_below_nothing(desk: Desk) -> None:
    desk.reward(stock=0)
    with pytest.raises(Exception, match="ck_rewards_stock_not_negative"):
        desk.coupons.database.query("UPDATE rewards SET stock = stock - 1")


@pytest.mark.rule("R1")
@pytest.mark.timeout(120)
def test_parallel_orders_take_exactly_what_is_left(desk: Desk) -> None:
    reward_id = desk.reward(stock=20)
    acts = [partial(desk.order, reward_id, desk.coupons.member()) for _ in range(60)]
    results = together(acts)
    assert [r for r in results if isinstance(r, str)] == ["out_of_stock"] * 40
    assert (desk.left(reward_id), sum(desk.taken())) == (0, 20)


@pytest.mark.rule("R1")
@pytest.mark.timeout(120)
def test_one_member_ordering_from_many_places_gets_no_more_than_its_share(desk: Desk) -> None:
    reward_id, member_id = desk.reward(stock=100, per_member=5), desk.coupons.member()
    results = together([partial(desk.order, reward_id, member_id) for _ in range(30)])
    assert [r for r in results if isinstance(r, str)] == ["limit_reached"] * 25
    assert (desk.left(reward_id), desk.taken()) == (95, [5])


@pytest.mark.rule("R1", "A3")
def test_same_request_many_times_at_once_is_one_order(desk: Desk) -> None:
    reward_id, member_id = desk.reward(stock=10), desk.coupons.member()
    again = partial(desk.reserve, reward_id, member_id, request_key="once")
    orders = together([again] * 12)
    assert len({order["order_id"] for order in orders}) == 1
    assert (desk.left(reward_id), desk.taken()) == (9, [1])
    with pytest.raises(Refused, match="idempotency_key_reused"):
        desk.reserve(reward_id, member_id, 2, request_key="once")


# What becomes of an order whose request died.


@pytest.mark.rule("R1", "C2")
def test_stock_that_is_not_confirmed_is_free_after_its_time(desk: Desk) -> None:
    reward_id, member_id = desk.reward(stock=1), desk.coupons.member()
    dead = desk.reserve(reward_id, member_id, request_key="once")
    desk.coupons.clock.advance(minutes=2)
    with pytest.raises(Refused, match="reservation_expired"):
        desk.confirm(dead, new_id())
    desk.coupons.service.due_work()
    assert (desk.left(reward_id), desk.taken()) == (1, [0])
    again = desk.reserve(reward_id, member_id, request_key="once")
    assert again["order_id"] != dead["order_id"]


def test_same_request_after_its_time_begins_anew_before_any_sweep(desk: Desk) -> None:
    reward_id, member_id = desk.reward(stock=1, per_member=1), desk.coupons.member()
    dead = desk.reserve(reward_id, member_id, request_key="once")
    desk.coupons.clock.advance(minutes=2)
    again = desk.reserve(reward_id, member_id, request_key="once")
    assert (desk.status(dead), desk.status(again)) == ("released", "reserved")
    assert (desk.left(reward_id), desk.taken()) == (0, [1])


@pytest.mark.rule("R1", "H2")
def test_confirmed_order_ends_as_points_tells_however_late(desk: Desk) -> None:
    reward_id, member_id = desk.reward(stock=2), desk.coupons.member()
    paid, unpaid = (desk.reserve(reward_id, member_id) for _ in range(2))
    holds = new_id(), new_id()
    desk.confirm(paid, holds[0])
    desk.confirm(unpaid, holds[1])
    desk.coupons.clock.advance(days=1)
    desk.coupons.service.due_work()
    assert desk.left(reward_id) == 0
    desk.hear("captured", paid, holds[0])
    desk.hear("expired", unpaid, holds[1])
    assert (desk.status(paid), desk.status(unpaid)) == ("ordered", "released")
    assert (desk.left(reward_id), desk.taken()) == (1, [1])
    assert [name for name, _ in desk.coupons.events() if name.startswith("reward")] == [
        "reward.ordered"
    ]


def test_end_of_an_earlier_hold_does_not_end_the_order(desk: Desk) -> None:
    reserved = desk.reserve(desk.reward(), desk.coupons.member())
    first, second = new_id(), new_id()
    desk.confirm(reserved, first)
    desk.confirm(reserved, second)
    desk.hear("expired", reserved, first)
    assert desk.status(reserved) == "confirmed"
    desk.hear("captured", reserved, second)
    desk.hear("released", reserved, second)
    assert desk.status(reserved) == "ordered"


def test_order_is_given_up_with_the_hold_it_waits_for_only(desk: Desk) -> None:
    reserved, hold_id = desk.reserve(desk.reward(), desk.coupons.member()), new_id()
    desk.confirm(reserved, hold_id)
    for hold in (None, str(new_id()), str(hold_id)):
        command = {"order_id": reserved["order_id"], "hold_id": hold}
        ended = desk.coupons.call(rewards.FREE, command)["status"]
        assert ended == ("released" if hold == str(hold_id) else "confirmed")
    with pytest.raises(Refused, match="reward_order_state_conflict"):
        desk.complete(reserved)


def test_points_captured_for_an_order_given_up_go_home(desk: Desk) -> None:
    reserved = desk.reserve(desk.reward(), desk.coupons.member(), request_key="once")
    desk.coupons.call(rewards.FREE, {"order_id": reserved["order_id"]})
    desk.reserve(desk.reward(), desk.coupons.member(), request_key="once")
    desk.hear("captured", reserved, new_id())
    ((_, told),) = desk.coupons.events("reward.cancelled")
    assert (told["order_id"], told["reason_code"]) == (reserved["order_id"], "system_fault")
    assert desk.status(reserved) == "cancelled"


def test_holds_of_other_orders_are_none_of_its_business(desk: Desk) -> None:
    for order_id in ("web-1", "reward:nonsense", f"reward:{new_id()}"):
        data = {"member_id": new_id(), "transaction_id": new_id(), "points": 1, "sale_id": None}
        desk.coupons.tell(points.REDEEMED, {**data, "order_id": order_id})
    assert desk.coupons.events() == []


# States.


@pytest.mark.rule("R1")
def test_cancel_gives_stock_and_share_back_once(desk: Desk) -> None:
    reward_id, member_id = desk.reward(stock=5), desk.coupons.member()
    order = desk.order(reward_id, member_id, 2)
    assert (order["status"], order["points"], desk.left(reward_id)) == ("ordered", 1_600, 3)
    cancelled = desk.cancel(order, reason_code="out_of_stock")
    assert desk.cancel(order) == cancelled
    assert (cancelled["status"], cancelled["reason_code"]) == ("cancelled", "out_of_stock")
    assert (desk.left(reward_id), desk.taken()) == (5, [0])
    assert len(desk.coupons.events("reward.cancelled")) == 1
    with pytest.raises(Refused, match="reward_order_state_conflict"):
        desk.fulfil(order)


def test_parallel_cancels_give_back_once(desk: Desk) -> None:
    reward_id = desk.reward(stock=5)
    order = desk.order(reward_id, desk.coupons.member(), 2)
    together([partial(desk.cancel, order)] * 8)
    assert desk.left(reward_id) == 5
    assert len(desk.coupons.events("reward.cancelled")) == 1


def test_fulfilled_order_stays(desk: Desk) -> None:
    order = desk.order(desk.reward(stock=5), desk.coupons.member())
    fulfilled = desk.fulfil(order)
    assert desk.fulfil(order) == fulfilled
    with pytest.raises(Refused, match="reward_order_state_conflict"):
        desk.cancel(order)
    assert len(desk.coupons.events("reward.fulfilled")) == 1


def test_order_is_seen_by_its_member_and_staff_once_it_is_paid(desk: Desk) -> None:
    member_id, reward_id = desk.coupons.member(), desk.reward()
    own, stranger = Actor("member", str(member_id)), Actor("member", str(new_id()))
    reserved = desk.reserve(reward_id, member_id)
    ref = {"order_id": reserved["order_id"]}
    for method in (rewards.ORDER, rewards.CANCEL):
        with pytest.raises(Refused, match="not_found"):
            desk.coupons.call(method, ref, actor=own)
    assert desk.coupons.call(rewards.ORDERS, {}, actor=own)["items"] == []
    order = desk.complete(reserved)
    assert desk.coupons.call(rewards.ORDER, ref, actor=own) == order
    assert desk.coupons.call(rewards.ORDERS, {}, actor=own)["items"] == [order]
    for method in (rewards.ORDER, rewards.CANCEL):
        with pytest.raises(Refused, match="not_found"):
            desk.coupons.call(method, ref, actor=stranger)
    asked = {"member_id": str(member_id)}
    assert desk.coupons.call(rewards.ORDERS, asked, actor=stranger)["items"] == []
    for query in ({"status": "ordered"}, {"reward_id": reward_id}, asked):
        assert desk.coupons.call(rewards.ORDERS, query, actor=SUPPORT)["items"] == [order]


# Rewards that are coupons.


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
