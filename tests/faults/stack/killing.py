"""``kill -9`` at chosen boundaries: requests are led there, all at once, and then somebody dies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.faults.stack.boundaries import Boundary
from tests.faults.stack.clients import Act, Order
from tests.support.stack import Stack
from tests.support.tap import AFTER, Held
from tests.support.waiting import eventually

CLIENTS = 8
"""Side by side."""


@dataclass(frozen=True)
class Plan:
    """An order, and where its request stands when somebody dies."""

    order: Order
    boundary: Boundary
    is_persistent: bool = True
    """Whether its client sends the request again, or gives the order up."""


def lead_up(makers: Iterable[Callable[[], Plan]]) -> list[Plan]:
    """Make orders, and the requests that come before those at which somebody dies."""

    def make(maker: Callable[[], Plan]) -> Plan:
        plan = maker()
        for name in plan.boundary.done:
            plan.order.act(name).carry_through()
        return plan

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(make, makers))


def persist(plans: Iterable[Plan]) -> None:
    """Let those who do not give up go on until they are answered."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        acts = [plan.order.act(plan.boundary.act) for plan in plans if plan.is_persistent]
        list(pool.map(Act.carry_through, acts))


def kill_at(stack: Stack, victims: Iterable[str], plans: Sequence[Plan]) -> None:
    """Lead each order to its boundary, kill the processes at once, and start them again.

    Whoever else stood at a boundary goes on when the victims are dead. What is not answered by
    then comes to its end, and may be sent again.
    """
    with ThreadPoolExecutor(max(len(plans), 1)) as pool:
        # An event is only held where it comes in its stream: done with are those that come first.
        first = [plan for plan in plans if plan.boundary.is_event and plan.boundary.moment == AFTER]
        held = _lead(stack, pool, first)
        held += _lead(stack, pool, [plan for plan in plans if plan not in first])
        for name in victims:
            stack.parts[name].kill()
            if name in stack.taps:
                stack.taps[name].cut()
        for each in held:
            each.release()
        for name in victims:
            stack.parts[name].launch()
        stack.wait_until_ready()


def _lead(stack: Stack, pool: ThreadPoolExecutor, plans: Sequence[Plan]) -> list[Held]:
    """Let requests go as far as their boundaries; return what holds them there."""
    going: list[tuple[Plan, Held, Future[Any]]] = []
    for plan in plans:
        act, boundary = plan.order.act(plan.boundary.act), plan.boundary
        tap = stack.taps[boundary.service]
        held = tap.hold(boundary.step.routing_key, boundary.moment, act.next_try)
        going.append((plan, held, pool.submit(act.attempt)))
    for plan, held, _ in going:
        eventually(held.reached.is_set)
        assert plan.boundary.is_event or not plan.order.act(plan.boundary.act).status, plan
    return [held for _, held, _ in going]
