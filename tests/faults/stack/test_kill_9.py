"""``kill -9`` of gateway, points or coupons at each step of each order: none is ever half (H2)."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

from gateway import checkout_flow, order_flow, reward_flow
from tests.faults.stack.boundaries import BOUNDARIES, COUPONS, POINTS, Boundary, boundaries_of
from tests.faults.stack.killing import Plan, kill_at, lead_up, persist
from tests.faults.stack.retail import Retail
from tests.faults.stack.whole import assert_whole
from tests.support.stack import GATEWAY

pytestmark = pytest.mark.timeout(300)
VICTIMS = (GATEWAY, POINTS, COUPONS)
ROUNDS = int(os.environ.get("LOYALTY_TEST_ROUNDS", "1"))
"""How often each of them dies; every time other orders persist, and other codes are used."""


def plan_by_chance(retail: Retail, boundary: Boundary, chance: random.Random) -> Callable[[], Plan]:
    """Choose whose order it is, by which code, and whether its client persists; made later."""
    member, is_public = chance.choice(retail.members), chance.random() < 0.3
    is_persistent = chance.random() < 0.5
    return lambda: Plan(
        boundary.kind(retail, member, is_public=is_public), boundary, is_persistent=is_persistent
    )


def test_every_step_of_the_tables_is_a_boundary() -> None:
    sagas = (checkout_flow.SALE, order_flow.OPENING, order_flow.COMPLETION, reward_flow.ORDERING)
    steps = {step.does.partition(":")[0] for saga in sagas for step in saga.steps}
    assert steps <= {boundary.step.routing_key for boundary in BOUNDARIES}


@pytest.mark.rule("H2", "R1", "A3", "C2", "C3", "C6", "L2", "L5")
@pytest.mark.parametrize("victim", VICTIMS * ROUNDS)
def test_orders_are_whole_after_kill_9_at_every_step(
    retail: Retail, chance: random.Random, victim: str
) -> None:
    plans = lead_up(plan_by_chance(retail, each, chance) for each in boundaries_of(victim))

    kill_at(retail.stack, [victim], plans)

    persist(plans)
    retail.let_time_run_out()
    assert_whole(retail, [plan.order for plan in plans])
