"""Orders of rewards as coupons keeps them: stock, shares, states (R1)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from shared.calls import Actor
from shared.clock import rfc3339
from shared.contracts.coupons import rewards
from shared.contracts.points import events as points
from shared.ids import new_id
from tests.integration.coupons.harness import NOON, Body, Refused, together
from tests.integration.coupons.reward_desk import SUPPORT, Desk

DAY = timedelta(days=1)


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
