"""A shop's order while gateway, points or coupons die at any step: complete or undone (H1, H2)."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest

from shared.contracts.coupons import rpc as coupons
from shared.contracts.method import Method
from shared.contracts.points import rpc as points
from tests.faults.orders import MOMENTS, PUBLIC_MINOR, VICTIMS, Fault, World
from tests.faults.shop import COMPLETION, OPENING, Shop, WebOrder

SEEDS = [int(os.environ["LOYALTY_TEST_SEED"])] if "LOYALTY_TEST_SEED" in os.environ else range(3)
ORDERS = 10
SPENT = 100
STEPS = (*OPENING, *COMPLETION)
CLOSED = 409
AWAY = 503


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


def assert_complete(shop: Shop, order: WebOrder) -> None:
    """It is the sale that was promised, and all it held is used."""
    sale = shop.world.sale_of(order.order_id)
    assert sale is not None
    assert shop.status(order) == "completed"
    assert sale["totals"] == order.quote["totals"]
    assert sale["points"]["earned"] == order.earned
    off = order.quote["totals"]["discount_minor"]
    assert shop.world.uses_of(order.order_id) == {"redeemed": off}


def assert_undone(shop: Shop, order: WebOrder) -> None:
    """It is as if it had never been."""
    assert shop.world.sale_of(order.order_id) is None
    assert shop.status(order) in ("unknown", "cancelled", "expired")
    assert shop.world.uses_of(order.order_id) == {}


@pytest.mark.rule("H1", "H2", "A3")
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_same_requests_again_complete_the_order_once(shop: Shop, step: Method) -> None:
    world = shop.world
    for moment in MOMENTS:
        for victim in VICTIMS:
            had, order = world.available(), shop.order(SPENT)
            fault, struck = Fault(step, moment, victim), 0 if victim == "gateway" else AWAY
            if step in OPENING:
                assert shop.open(order, fault) == struck
            assert [shop.open(order), shop.open(order)] == [201, 201]
            if step in COMPLETION:
                assert shop.complete(order, fault) == struck
            assert [shop.complete(order), shop.complete(order)] == [201, 201]

            world.platform.settle()
            assert_complete(shop, order)
            assert world.coupon_status(order.code) == "redeemed"
            assert world.available() == had - SPENT + order.earned
    world.assert_counters_and_ledger_add_up()


@pytest.mark.rule("H2", "C2")
def test_orders_given_up_at_any_step_are_undone_when_their_time_is_over(shop: Shop) -> None:
    world = shop.world
    had = world.available()
    orders: list[tuple[WebOrder, Fault]] = []
    for step in STEPS:
        for moment in MOMENTS:
            for victim in VICTIMS:
                order, fault = shop.order(SPENT), Fault(step, moment, victim)
                if step in OPENING:
                    assert shop.open(order, fault) in (0, AWAY)
                else:
                    assert shop.open(order) == 201
                    assert shop.complete(order, fault) in (0, AWAY)
                orders.append((order, fault))

    shop.let_time_run_out()

    expected = had
    for order, fault in orders:
        if fault.step is points.COMPLETE_CHECKOUT and fault.moment == "after":
            assert_complete(shop, order)
            expected += order.earned - order.spent
        else:
            assert_undone(shop, order)
            assert world.coupon_status(order.code) == "issued"
    assert world.available() == expected
    world.assert_counters_and_ledger_add_up()
    # Undone is as if it had never been: a fresh quote opens the order.
    given_up = orders[0][0]
    again = replace(shop.order(SPENT, given_up.code), order_id=given_up.order_id)
    assert [shop.open(again), shop.complete(again)] == [201, 201]


@pytest.mark.rule("H2", "C2")
@pytest.mark.parametrize("step", COMPLETION[1:], ids=lambda step: step.name)
def test_gateway_that_stalls_beyond_the_time_limit_completes_nothing(
    shop: Shop, step: Method
) -> None:
    had, order = shop.world.available(), shop.order(SPENT)
    assert shop.open(order) == 201

    assert shop.stalled(shop.complete, order, step, shop.let_time_run_out) == CLOSED

    shop.world.platform.settle()
    assert_undone(shop, order)
    assert shop.world.coupon_status(order.code) == "issued"
    assert shop.world.available() == had


@pytest.mark.rule("H1", "H2", "C1")
def test_stalled_gateway_takes_no_coupon_that_another_order_has(shop: Shop) -> None:
    world = shop.world
    had, code = world.available(), world.claim()
    stalled, other = shop.order(SPENT, code), shop.order(SPENT, code)

    def meanwhile() -> None:
        assert shop.open(other) == 201

    assert shop.stalled(shop.open, stalled, coupons.RESERVE_PROMISED, meanwhile) == CLOSED

    world.platform.settle()
    assert_undone(shop, stalled)
    assert shop.complete(other) == 201
    world.platform.settle()
    assert_complete(shop, other)
    assert world.available() == had - SPENT + other.earned
    world.assert_counters_and_ledger_add_up()


@pytest.mark.rule("H1", "H2", "C2", "C6", "L2")
@pytest.mark.parametrize("seed", SEEDS)
def test_no_order_is_ever_half_whatever_dies_and_however_often(shop: Shop, seed: int) -> None:
    chance, world = random.Random(seed), shop.world
    # The budget ends on the way, so that orders also meet promises that are not covered any more.
    public = f"WEB{seed}"
    world.publish_public(public, budget_minor=ORDERS // 4 * PUBLIC_MINOR)
    had = world.available()
    orders = [
        shop.order(chance.choice([0, SPENT]), chance.choice([None, public])) for _ in range(ORDERS)
    ]
    for order in orders:
        for _ in range(1 + chance.randrange(3)):
            shop.open(order, shop.any_fault(chance, OPENING))
            if chance.randrange(3) == 0:
                world.platform.settle()
        for _ in range(chance.randrange(3)):
            if chance.randrange(5) == 0:
                shop.cancel(order, shop.any_fault(chance, (points.CANCEL_CHECKOUT,)))
            else:
                shop.complete(order, shop.any_fault(chance, COMPLETION))

    shop.let_time_run_out()

    expected = had
    for order in orders:
        if shop.status(order) == "completed":
            assert_complete(shop, order)
            expected += order.earned - order.spent
        else:
            assert order.sale is None
            assert_undone(shop, order)
        if order.code != public:
            used = "redeemed" if shop.status(order) == "completed" else "issued"
            assert world.coupon_status(order.code) == used
    assert world.available() == expected
    world.assert_counters_and_ledger_add_up()
    world.tell_again(chance)
    assert world.available() == expected
    world.assert_counters_and_ledger_add_up()
    assert "completed" in {shop.status(order) for order in orders}
