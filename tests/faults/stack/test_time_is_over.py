"""Orders whose time runs out while those who let go of them are killed (H2, C2)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shared.clock import parse_rfc3339
from shared.contracts.points import events
from tests.faults.stack.boundaries import COUPONS, POINTS
from tests.faults.stack.clients import WebOrder
from tests.faults.stack.retail import TTL, Member, Retail
from tests.faults.stack.whole import assert_whole
from tests.support.tap import AFTER, BEFORE
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)
_WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
_FREED = "SELECT updated_at FROM redemptions WHERE order_id = :order_id AND status = 'released'"
OK = 200


def opened(retail: Retail, member: Member, *, is_public: bool) -> WebOrder:
    order = WebOrder(retail, member, is_public=is_public)
    order.act("open").carry_through()
    return order


@contextmanager
def locked_account(retail: Retail, member: Member) -> Iterator[None]:
    """Let whoever writes to a member's account wait."""
    url = retail.stack.postgres.url("loyalty_points")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        statement = "SELECT FROM accounts WHERE member_id = :member_id FOR UPDATE"
        connection.execute(sa.text(statement), {"member_id": member.member_id})
        yield


@pytest.mark.rule("H2", "C2", "L5", "L2")
def test_orders_are_whole_when_who_ends_them_is_killed_halfway(
    retail: Retail, chance: random.Random
) -> None:
    stack, target = retail.stack, retail.now() + TTL
    orders = [
        opened(retail, member, is_public=chance.random() < 0.3)
        for member in retail.members
        for _ in range(2)
    ]

    # Coupons dies when it has let go of the first, and before it hears of the last: points closes
    # them in the order of their ids.
    routing_key, tap = events.CHECKOUT_CLOSED.routing_key, stack.taps[COUPONS]
    first, *_, last = sorted(order.order_id for order in orders)
    held = [tap.hold(routing_key, AFTER, first), tap.hold(routing_key, BEFORE, last)]
    with ThreadPoolExecutor(1) as pool:
        # Points dies in the middle of closing them: one member's account is locked by somebody.
        with locked_account(retail, chance.choice(retail.members)):
            moving = pool.submit(retail.send_clock, target)
            eventually(lambda: stack.query(POINTS, _WAITING)[0][0])
            stack.parts[POINTS].kill()
            stack.taps[POINTS].cut()
        stack.restart(POINTS)
        # Its call waits for it in the queue, or comes again.
        if moving.result().status_code != OK:
            eventually(lambda: retail.send_clock(target).status_code == OK)
    retail.sign_in()
    eventually(lambda: all(each.reached.is_set() for each in held))
    stack.parts[COUPONS].kill()
    tap.cut()
    stack.restart(COUPONS)

    assert_whole(retail, orders)


@pytest.mark.rule("C2")
def test_what_an_order_reserved_is_free_by_the_sweep_alone(
    retail: Retail, record_property: Any
) -> None:
    member = retail.members[0]
    order = opened(retail, member, is_public=False)
    ends = parse_rfc3339(order.act("open").answer["expires_at"])
    retail.move_clock(ends - timedelta(seconds=3))  # from here on it runs by itself

    def freed() -> list[Any]:
        return retail.stack.query(COUPONS, _FREED, order_id=order.order_id)

    eventually(lambda: freed() and not retail.balances(member)["held"])

    figures = f"free {(freed()[0].updated_at - ends).total_seconds():.1f} s after its end"
    record_property("reservation_expiry", figures)
    print(figures)
    assert_whole(retail, [order])
