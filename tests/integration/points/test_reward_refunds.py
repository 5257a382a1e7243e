"""Points of cancelled reward orders go home to their lots, once (R1, S4)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.coupons import events as coupons
from shared.contracts.coupons.rewards import hold_order_id
from shared.contracts.points import holds
from shared.errors import NotFound
from shared.ids import new_id
from tests.integration.points.desk import Desk, in_parallel
from tests.integration.points.test_holds import balances, end, hold
from tests.integration.points.test_pending import earn

DAY = timedelta(days=1)


give = partial(earn, wait=-DAY)


def spend(desk: Desk, member: UUID, points: int, *, captured: int | None = None) -> UUID:
    """Pay for a reward order; returns its id."""
    order_id = new_id()
    held = hold(desk, member, points, order_id=hold_order_id(order_id))
    end(desk, holds.CAPTURE, held, points=captured)
    return order_id


def refund(desk: Desk, order_id: UUID, *, fault: bool = False) -> Any:
    """Give back what the order cost, as the gateway asks for."""
    because = {"reason_code": "customer_request", "merchant_fault": fault}
    return desk.call(holds.REFUND, {"order_id": str(order_id), **because}).body


def tell_cancelled(desk: Desk, member: UUID, order_id: UUID) -> None:
    """Let coupons tell that the order is cancelled."""
    data = {
        "order_id": order_id,
        "reward_id": new_id(),
        "kind": "item",
        "member_id": member,
        "quantity": 1,
        "points": 120,
        "reason_code": "customer_request",
        "merchant_fault": False,
    }
    desk.hear(coupons.REWARD_CANCELLED, member, data)


def lots(desk: Desk, member: UUID) -> list[tuple[int, str]]:
    return [(lot["points"], lot["expires_at"]) for lot in desk.points(member)["expiring"]]


@pytest.mark.rule("R1", "S4")
def test_points_go_home_to_the_lots_they_came_from(desk: Desk) -> None:
    member = uuid4()
    give(desk, member, 100, lasts=20 * DAY)
    give(desk, member, 50, lasts=10 * DAY)
    before = lots(desk, member)
    order_id = spend(desk, member, 120)
    answer = refund(desk, order_id)
    assert (answer["points"], answer["balances"]["available"]) == (120, 150)
    assert lots(desk, member) == before
    assert desk.points(member)["lifetime"]["redeemed"] == 0
    assert desk.verify()["ok"]


@pytest.mark.rule("S4", "C4")
@pytest.mark.parametrize(("fault", "after", "days"), [(False, 30, 30), (True, 5, 7)])
def test_points_of_lots_that_lapse_come_home_for_a_while(
    desk: Desk, fault: bool, after: int, days: int
) -> None:
    member = uuid4()
    give(desk, member, 50, lasts=10 * DAY)
    order_id = spend(desk, member, 50)
    desk.clock.advance(days=after)
    refund(desk, order_id, fault=fault)
    ((points, _),) = lots(desk, member)
    assert points == 50
    desk.clock.advance(days=days, seconds=-1)
    assert desk.available(member) == 50
    desk.clock.advance(seconds=1)
    assert desk.available(member) == 0


@pytest.mark.rule("R1", "L7")
def test_refund_happens_once_whoever_tells_of_it(desk: Desk) -> None:
    member = uuid4()
    give(desk, member, 150)
    order_id = spend(desk, member, 120)
    in_parallel(6, lambda _: refund(desk, order_id))
    tell_cancelled(desk, member, order_id)
    assert balances(desk, member) == (150, 0, 0)
    assert [entry["type"] for entry in desk.journal(member)].count("restore") == 1


def test_event_alone_brings_the_points_home(desk: Desk) -> None:
    member = uuid4()
    give(desk, member, 120)
    tell_cancelled(desk, member, spend(desk, member, 120))
    assert balances(desk, member) == (120, 0, 0)


def test_only_what_was_captured_comes_home(desk: Desk) -> None:
    member = uuid4()
    give(desk, member, 100, lasts=20 * DAY)
    give(desk, member, 50, lasts=10 * DAY)
    before = lots(desk, member)
    assert refund(desk, spend(desk, member, 120, captured=60))["points"] == 60
    assert lots(desk, member) == before
    assert desk.verify()["ok"]


def test_order_that_was_never_paid_has_nothing_to_give_back(desk: Desk) -> None:
    member, order_id = uuid4(), new_id()
    give(desk, member, 120)
    hold(desk, member, 100, order_id=hold_order_id(order_id))
    for unpaid in (order_id, new_id()):
        with pytest.raises(NotFound):
            refund(desk, unpaid)
    assert balances(desk, member) == (20, 100, 0)


def test_captured_hold_names_its_order(desk: Desk) -> None:
    member = uuid4()
    give(desk, member, 120)
    order_id = spend(desk, member, 100)
    assert desk.events("points.redeemed")[-1]["order_id"] == hold_order_id(order_id)
