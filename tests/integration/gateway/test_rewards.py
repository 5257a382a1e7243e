"""Rewards over HTTP with all services behind the gateway, also where processes die (R1)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.clock import rfc3339
from shared.contracts.coupons import rewards
from shared.contracts.method import Method
from shared.contracts.points import holds
from shared.errors.backend import BackendUnavailable
from tests.support.platform import Person, Platform

PHONE = "+8613800138000"
EARNED = 100_000
PRICE = 800
STOCK = 1_000
POT = {"name": "Tea pot", "kind": "item", "points": PRICE, "stock": STOCK}
FLOW = (rewards.RESERVE, holds.PLACE, rewards.CONFIRM, holds.CAPTURE, rewards.COMPLETE)
"""What the gateway calls for an order, one after the other."""
FAULTS = [(step, moment) for step in FLOW for moment in ("before", "after")]


class Died(BaseException):
    """The gateway's process ended: nothing after this runs, and nobody is answered."""


@dataclass
class World:
    """A platform with a reward and a member who has points."""

    platform: Platform

    def __post_init__(self) -> None:
        """Let a member earn, and marketing offer a reward."""
        till = self.platform.terminal()
        self.member_id = till.post("/v1/members", {"phone": PHONE, "channel": "store"})["member_id"]
        line = {"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": EARNED * 100}
        sale = {
            "sale_id": "s-1",
            "occurred_at": rfc3339(self.platform.now() - timedelta(seconds=1)),
            "currency": "CNY",
            "member": {"type": "phone", "value": PHONE},
            "lines": [line],
        }
        till.post("/v1/sales", sale)
        self.platform.settle()
        self.sign_in()
        self.path = self.offer()

    def sign_in(self) -> None:
        """Give everybody fresh tokens; theirs end when the clock moves."""
        self.member = self.platform.shopper(PHONE)
        self.staff = self.platform.staff("manager", "auditor")

    def offer(self, **more: Any) -> str:
        """Return the path of a new reward."""
        made = self.staff.post("/v1/rewards", {**POT, **more})
        return f"/v1/rewards/{made['reward_id']}"

    def order(
        self, *, key: str, fault: tuple[Method, str] | None = None, error: type = Died
    ) -> int:
        """Order one piece; returns the status, or 0 where the gateway died over it."""
        if fault is not None:
            self.arm(fault, error)
        try:
            status, _, _ = self.member.request("POST", f"{self.path}/orders", {}, key=key)
        except Died:
            return 0
        finally:
            self.disarm()
        return status

    def let_time_run_out(self) -> None:
        """Move beyond every time limit; all hear what became due."""
        self.platform.settle()
        self.platform.advance_clock(minutes=10)
        self.sign_in()

    def assert_whole(self, pieces: int, *, price: int = PRICE) -> None:
        """So many pieces are ordered and paid, and nothing else is taken of anybody."""
        asked = f"/v1/reward-orders?member_id={self.member_id}&status=ordered&limit=200"
        orders = self.staff.get(asked)["items"]
        assert sum(order["quantity"] for order in orders) == pieces
        assert self.staff.get(self.path)["stock"] == STOCK - pieces
        shown = self.staff.get(f"/v1/members/{self.member_id}/points")["balances"]
        assert shown == {
            "available": EARNED - pieces * price, "pending": 0, "held": 0, "debt": 0
        }  # fmt: skip
        counted = "SELECT coalesce(sum(taken), 0) FROM reward_holders"
        assert self.platform.databases["coupons"].query(counted)[0][0] == pieces
        assert self.staff.post("/v1/points/verify", status=200)["ok"]

    def disarm(self) -> None:
        """Let everybody live."""
        self.platform.backend.before = self.platform.backend.after = None

    def arm(self, fault: tuple[Method, str], error: type) -> None:
        """Let ``error`` strike the next call of a method, before it or after its effect."""
        step, moment = fault
        armed = [step]

        def strike(method: Method) -> None:
            if armed and method is step:
                armed.clear()
                raise error

        setattr(self.platform.backend, moment, strike)


@pytest.fixture
def world(platform: Platform) -> World:
    return World(platform)


@pytest.mark.rule("R1", "S4", "A3")
def test_member_orders_is_served_and_cancels(world: World) -> None:
    wanted = {"quantity": 2}
    order = world.member.post(f"{world.path}/orders", wanted, key="once")
    assert (order["status"], order["points"], order["quantity"]) == ("ordered", 2 * PRICE, 2)
    status, again, headers = world.member.request(
        "POST", f"{world.path}/orders", wanted, key="once"
    )
    assert (status, again, headers["Idempotency-Replayed"]) == (201, order, "true")
    reused = world.member.post(f"{world.path}/orders", {"quantity": 3}, key="once", status=422)
    assert reused["code"] == "idempotency_key_reused"
    world.assert_whole(2)
    path = f"/v1/reward-orders/{order['order_id']}"
    assert world.member.get(path) == order
    assert world.member.get("/v1/reward-orders")["items"] == [order]
    cancelled = world.member.post(f"{path}/cancel", status=200)
    assert cancelled["status"] == "cancelled"
    world.assert_whole(0)
    world.platform.settle()
    world.assert_whole(0)
    assert world.member.post(f"{path}/cancel", status=200) == cancelled
    refused = world.staff.post(f"{path}/fulfil", status=409)
    assert refused["code"] == "reward_order_state_conflict"
    replayed = world.member.post(f"{world.path}/orders", wanted, key="once")
    assert replayed == order
    second = world.member.post(f"{world.path}/orders")
    served = f"/v1/reward-orders/{second['order_id']}"
    assert world.staff.post(f"{served}/fulfil", status=200)["status"] == "fulfilled"
    assert world.member.post(f"{served}/cancel", status=409)["code"] == refused["code"]


def test_who_may_order_for_whom(world: World) -> None:
    path, other = f"{world.path}/orders", {"member_id": str(uuid4())}
    assert world.member.post(path, other, status=404)["code"] == "not_found"
    assert world.staff.post(path, status=422)["code"] == "member_required"
    assert world.staff.post(path, other, status=422)["code"] == "unknown_member"
    marketing = world.platform.staff("marketing")
    assert marketing.post(path, other, status=403)["code"] == "forbidden"
    order = world.staff.post(path, {"member_id": world.member_id})
    cancel = f"/v1/reward-orders/{order['order_id']}/cancel"
    blamed = {"merchant_fault": True, "reason_code": "out_of_stock"}
    assert world.member.post(cancel, blamed, status=422)["errors"][0]["field"] == "merchant_fault"
    done = world.staff.post(cancel, blamed, status=200)
    assert (done["status"], done["reason_code"]) == ("cancelled", "out_of_stock")
    world.assert_whole(0)
    actions = [row["action"] for row in world.staff.get("/v1/audit?service=coupons")["items"]]
    assert actions[:2] == ["reward_order.cancel", "reward_order.place"]


@pytest.mark.rule("R1")
@pytest.mark.timeout(120)
def test_parallel_orders_of_a_stock_of_five_give_five_coupons(world: World) -> None:
    draft = {"name": "5 off", "kind": "amount_off", "value": 500}
    made = world.staff.post("/v1/campaigns", {**draft, "validity": {"days_after_issue": 30}})
    world.staff.post(f"/v1/campaigns/{made['campaign_id']}/publish", status=200)
    path = world.offer(kind="coupon", campaign_id=made["campaign_id"], stock=5)

    def order(_: int) -> int:
        buyer = Person(world.platform.client, world.member.token)
        return buyer.request("POST", f"{path}/orders", {})[0]

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(order, range(24)))
    assert sorted(statuses) == [201] * 5 + [422] * 19
    shown = world.staff.get(f"/v1/members/{world.member_id}/points")["balances"]
    assert (shown["available"], shown["held"]) == (EARNED - 5 * PRICE, 0)
    held = world.member.get("/v1/members/me/coupons")["items"]
    assert [coupon["status"] for coupon in held] == ["issued"] * 5
    (newest, *_) = world.member.get("/v1/reward-orders")["items"]
    world.member.post(f"/v1/reward-orders/{newest['order_id']}/cancel", status=200)
    held = world.member.get("/v1/members/me/coupons")["items"]
    assert {c["coupon_id"] for c in held if c["status"] == "void"} == set(newest["coupon_ids"])


@pytest.mark.rule("R1", "H2")
@pytest.mark.timeout(120)
def test_request_sent_again_finishes_what_died_at_any_step(world: World) -> None:
    for error in (Died, BackendUnavailable):
        for fault in FAULTS:
            key = str(uuid4())
            assert world.order(key=key, fault=fault, error=error) in (0, 503)
            assert world.order(key=key) == 201
    world.assert_whole(2 * len(FAULTS))
    world.let_time_run_out()
    world.assert_whole(2 * len(FAULTS))


@pytest.mark.rule("R1", "H2")
@pytest.mark.timeout(120)
def test_what_died_is_whole_or_undone_by_time_and_whole_if_sent_again_later(world: World) -> None:
    keys = {fault: str(uuid4()) for fault in FAULTS}
    for fault, key in keys.items():
        assert world.order(key=key, fault=fault) == 0
    world.let_time_run_out()
    # The hold was captured: points has decided, and coupons follows its event.
    paid = (holds.CAPTURE, "after"), (rewards.COMPLETE, "before"), (rewards.COMPLETE, "after")
    world.assert_whole(len(paid))
    for key in keys.values():
        assert world.order(key=key) == 201
    world.assert_whole(len(FAULTS))


@pytest.mark.rule("R1")
def test_order_that_cannot_be_paid_takes_nothing_even_if_its_undoing_dies(world: World) -> None:
    world.path = world.offer(points=EARNED + 1)
    refused = world.member.post(f"{world.path}/orders", {}, key="k", status=422)
    assert refused["code"] == "insufficient_points"
    world.assert_whole(0)
    for moment in ("before", "after"):
        assert world.order(key=moment, fault=(rewards.FREE, moment)) == 0
    world.let_time_run_out()
    world.assert_whole(0)
    world.staff.request("PATCH", world.path, {"points": EARNED})
    world.member.post(f"{world.path}/orders", {}, key="k")
    world.assert_whole(1, price=EARNED)


@pytest.mark.rule("R1", "S4")
def test_cancel_that_dies_brings_the_points_home_by_its_event(world: World) -> None:
    for lost in ((rewards.CANCEL, "after"), (holds.REFUND, "before")):
        order = world.member.post(f"{world.path}/orders")
        path = f"/v1/reward-orders/{order['order_id']}/cancel"
        world.arm(lost, Died)
        with pytest.raises(Died):
            world.member.post(path, key="c")
        world.disarm()
        world.platform.settle()
        world.assert_whole(0)
        assert world.member.post(path, status=200, key="c")["status"] == "cancelled"
        world.assert_whole(0)
