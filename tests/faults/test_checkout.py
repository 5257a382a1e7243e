"""A sale with coupons while gateway, points or coupons die at any step: complete or undone (H2)."""

from __future__ import annotations

import os
import random

import pytest

from shared.contracts.method import Method
from tests.faults.orders import (
    COUPON_MINOR,
    MOMENTS,
    NET_MINOR,
    PUBLIC_MINOR,
    STEPS,
    VICTIMS,
    Fault,
    Order,
    World,
)

SEEDS = [int(os.environ["LOYALTY_TEST_SEED"])] if "LOYALTY_TEST_SEED" in os.environ else range(4)
ORDERS = 12
POINTS_SPENT = 100
EARNED = (NET_MINOR - COUPON_MINOR - POINTS_SPENT) // 100 * 3 // 2
"""At 1.5 points per currency unit: the member is PLATINUM."""


def steps_and_moments() -> list[object]:
    return [
        pytest.param(step, moment, id=f"{moment}-{step.name}")
        for step in STEPS
        for moment in MOMENTS
    ]


def assert_complete(world: World, order: Order, code: str) -> None:
    world.platform.settle()
    assert order.answer is not None
    assert order.answer["totals"]["discount_minor"] == COUPON_MINOR
    assert order.answer["points"]["earned"] == EARNED
    assert world.uses(order) == {"redeemed": COUPON_MINOR}
    assert world.coupon_status(code) == "redeemed"


@pytest.mark.rule("H2", "C2", "A3")
@pytest.mark.parametrize(("step", "moment"), steps_and_moments())
def test_retry_with_the_same_key_completes_the_order_once(
    world: World, step: Method, moment: str
) -> None:
    for victim in VICTIMS:
        had, code = world.available(), world.claim()
        order = world.order([code], POINTS_SPENT)

        assert world.post(order, Fault(step, moment, victim)) == (0 if victim == "gateway" else 503)
        assert [world.post(order), world.post(order)] == [201, 201]

        assert_complete(world, order, code)
        assert world.available() == had - POINTS_SPENT + EARNED
    world.assert_counters_and_ledger_add_up()


@pytest.mark.rule("H2", "C2")
@pytest.mark.parametrize(("step", "moment"), steps_and_moments())
def test_order_given_up_is_undone_when_its_time_is_over(
    world: World, step: Method, moment: str
) -> None:
    had = world.available()
    orders = [(world.order([code], POINTS_SPENT), code) for code in (world.claim(), world.claim())]
    faults = [Fault(step, moment, victim) for victim in VICTIMS]
    for (order, _), fault in zip(orders, faults, strict=True):
        assert world.post(order, fault) in (0, 503)

    world.let_time_run_out()

    for order, code in orders:
        if faults[0].lets_sale_happen:
            assert world.sale(order) is not None
            assert world.uses(order) == {"redeemed": COUPON_MINOR}
            assert world.coupon_status(code) == "redeemed"
        else:
            assert world.sale(order) is None
            assert world.uses(order) == {}
            assert world.coupon_status(code) == "issued"
    happened = len(orders) if faults[0].lets_sale_happen else 0
    assert world.available() == had + happened * (EARNED - POINTS_SPENT)
    world.assert_counters_and_ledger_add_up()

    # Undone is as if it had never been: the till may still come back with it.
    for order, code in orders:
        assert world.post(order) == 201
        assert_complete(world, order, code)
    assert world.available() == had + len(orders) * (EARNED - POINTS_SPENT)


@pytest.mark.rule("H2", "C2")
@pytest.mark.parametrize("step", STEPS[2:], ids=lambda step: step.name)
def test_coupon_of_an_order_given_up_serves_another(world: World, step: Method) -> None:
    code = world.claim()
    first, second = world.order([code]), world.order([code])
    assert world.post(first, Fault(step, "before", "gateway")) == 0
    held = step is not STEPS[2]

    if held:
        assert world.post(world.order([code])) == 201  # stands, without the coupon
        assert world.coupon_status(code) == "reserved"
    world.let_time_run_out()
    assert world.post(second) == 201

    world.platform.settle()
    assert world.uses(second) == {"redeemed": COUPON_MINOR}
    assert world.post(first) == 201  # late, and without the coupon
    assert first.answer is not None
    assert [use["reason"] for use in first.answer["coupons"]["rejected"]] == ["used"]
    world.assert_counters_and_ledger_add_up()


@pytest.mark.rule("H2", "C2")
@pytest.mark.parametrize("step", STEPS[2:], ids=lambda step: step.name)
def test_gateway_that_stalls_beyond_the_time_limit_begins_anew(world: World, step: Method) -> None:
    code = world.claim()
    order = world.order([code], POINTS_SPENT)

    assert world.post_stalled(order, step, world.let_time_run_out) == 201

    assert_complete(world, order, code)
    world.assert_counters_and_ledger_add_up()


@pytest.mark.rule("H2", "C1", "C2")
@pytest.mark.parametrize("step", STEPS[2:], ids=lambda step: step.name)
def test_stalled_gateway_does_not_use_a_coupon_that_another_order_has(
    world: World, step: Method
) -> None:
    code = world.claim()
    stalled, other = world.order([code]), world.order([code])

    def meanwhile() -> None:
        world.let_time_run_out()
        assert world.post(other) == 201

    assert world.post_stalled(stalled, step, meanwhile) == 201

    world.platform.settle()
    assert world.uses(other) == {"redeemed": COUPON_MINOR}
    assert world.uses(stalled) == {}
    assert stalled.answer is not None
    assert stalled.answer["totals"]["discount_minor"] == 0
    world.assert_counters_and_ledger_add_up()


@pytest.mark.rule("H2", "C2", "C3", "C6", "L2")
@pytest.mark.parametrize("seed", SEEDS)
def test_no_order_is_ever_half_whatever_dies_and_however_often(world: World, seed: int) -> None:
    chance = random.Random(seed)
    # The budget ends on the way, so that orders also meet a refusal of the code.
    public = f"PUBLIC{seed}"
    world.publish_public(public, budget_minor=ORDERS // 3 * PUBLIC_MINOR)
    had = world.available()
    orders = [random_order(world, public, chance) for _ in range(ORDERS)]
    for order in orders:
        for _ in range(chance.randrange(4)):
            world.post(order, Fault.any(chance))
            if chance.randrange(3) == 0:
                world.platform.settle()
        if chance.randrange(3):
            assert world.post(order) == 201

    world.let_time_run_out()
    late = chance.sample(orders, ORDERS // 4)
    for order in late:
        assert world.post(order) == 201
    world.platform.settle()

    assert_whole(world, orders, had, set())
    cancelled = {order.sale_id for order in late[::2]}
    for order in late[::2]:
        world.cancel(order)
    world.platform.settle()
    assert_whole(world, orders, had, cancelled)
    world.tell_again(chance)
    assert_whole(world, orders, had, cancelled)


def random_order(world: World, public: str, chance: random.Random) -> Order:
    codes = chance.choice([[world.claim()], [public], [public, world.claim()]])
    return world.order(codes, chance.choice([0, POINTS_SPENT]))


def assert_whole(world: World, orders: list[Order], had: int, cancelled: set[str]) -> None:
    """Each order is a sale with its coupons used, or nothing at all; and all of it adds up."""
    expected = had
    for order in orders:
        sale, uses = world.sale(order), world.uses(order)
        if sale is None:
            assert (order.answer, uses) == (None, {})
            continue
        assert order.answer is None or order.answer["points"] == sale["points"]
        discount = sale["totals"]["discount_minor"]
        if order.sale_id in cancelled:
            assert uses.get("restored", 0) == discount
            assert "redeemed" not in uses
            continue
        assert uses == ({"redeemed": discount} if discount else {})
        expected += sale["points"]["earned"] - sale["points"]["redeemed"]
    assert world.available() == expected
    world.assert_counters_and_ledger_add_up()
