"""A web shop whose orders use coupons and points, in the same world as `orders`."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from shared.clock import rfc3339
from shared.contracts.coupons import rpc as coupons
from shared.contracts.method import Method
from shared.contracts.points import rpc as points
from tests.faults.orders import MOMENTS, NET_MINOR, PHONE, VICTIMS, Died, Fault, World, line
from tests.support.platform import Person

OPENING = (points.OPEN_CHECKOUT, coupons.RESERVE_PROMISED, points.READY_CHECKOUT)
"""What the gateway calls to open an order, in order; see `gateway.order_flow`."""
COMPLETION = (points.CHECKOUT, coupons.CONFIRM, points.COMPLETE_CHECKOUT)
"""What it calls to complete one."""
TTL = timedelta(minutes=30)

Json = dict[str, Any]
_ANSWERS = (200, 201, 404, 409, 503)
"""What a shop may hear of an order: 404 only before it was ever opened."""


@dataclass
class WebOrder:
    """One order as the shop goes on with it, as often as it likes."""

    quote: Json
    code: str
    paid_at: str
    order_id: str = field(default_factory=lambda: f"web-{uuid4()}")
    opened: Json | None = None
    sale: Json | None = None

    @property
    def earned(self) -> int:
        """Return what it was promised to earn."""
        points: int = self.quote["points"]["earned"]
        return points

    @property
    def spent(self) -> int:
        """Return the points that pay a part of it."""
        points: int = self.quote["points"]["redeemed"]
        return points


class Shop:
    """A shop in a world; its shopper is the world's member."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._secret = world.platform.admin().post("/v1/clients", {"name": "web", "role": "shop"})
        self.sign_in()

    def sign_in(self) -> None:
        """Give the shop a fresh token; they end when the clock moves."""
        client = {name: self._secret[name] for name in ("client_id", "client_secret")}
        self._shop = self.world.platform.login(grant_type="client_credentials", **client)

    def order(self, points_to_redeem: int, code: str | None = None) -> WebOrder:
        """Quote a basket of 10.00 with a coupon of its own, or another code."""
        code = code or self.world.claim()
        basket: Json = {
            "currency": "CNY",
            "channel": "web",
            "member": {"type": "phone", "value": PHONE},
            "lines": [line(NET_MINOR)],
            "codes": [code],
        }
        if points_to_redeem:
            basket["points_to_redeem"] = points_to_redeem
        quote = self._shop.post("/v1/quotes", basket, status=200)
        return WebOrder(quote, code, rfc3339(self.world.platform.now()))

    def open(self, order: WebOrder, fault: Fault | None = None) -> int:
        """Open it; return the status, or 0 when the gateway died over it."""
        body = {"order_id": order.order_id, "quote_token": order.quote["quote_token"]}
        status, answer = self._send("/v1/checkouts", body, f"open:{order.quote['quote_id']}", fault)
        if status == 201:
            assert order.opened in (None, answer)
            order.opened = answer
        return status

    def complete(self, order: WebOrder, fault: Fault | None = None) -> int:
        """Say that it is paid; return as `open` does."""
        path = f"/v1/checkouts/{order.order_id}/complete"
        status, answer = self._send(
            path, {"paid_at": order.paid_at}, f"pay:{order.quote['quote_id']}", fault
        )
        if status == 201:
            assert order.sale in (None, answer)
            order.sale = answer
        return status

    def cancel(self, order: WebOrder, fault: Fault | None = None) -> int:
        """Give it up; return as `open` does."""
        path = f"/v1/checkouts/{order.order_id}/cancel"
        return self._send(path, {"reason_code": "payment_failed"}, str(uuid4()), fault)[0]

    def stalled(
        self,
        act: Callable[[WebOrder], int],
        order: WebOrder,
        step: Method,
        meanwhile: Callable[[], Any],
    ) -> int:
        """Act through a gateway that stands still before a step while something else happens."""
        waiting = [meanwhile]

        def stall(method: Method) -> None:
            if method is step and waiting:
                # In a thread, because Flask lets requests within a request share their context.
                with ThreadPoolExecutor(1) as others:
                    others.submit(waiting.pop()).result()

        self.world.platform.backend.before = stall
        try:
            return act(order)
        finally:
            self.world.platform.backend.before = None

    def status(self, order: WebOrder) -> str:
        """Return how the order stands; ``unknown`` where it was never opened."""
        status, body, _ = self._shop.request("GET", f"/v1/checkouts/{order.order_id}")
        assert status in (200, 404), body
        return str(body["status"]) if status == 200 else "unknown"

    def let_time_run_out(self) -> None:
        """Move beyond every order's time limit; all hear what became due."""
        platform = self.world.platform
        platform.move_clock(platform.now() + TTL + timedelta(minutes=1))
        self.world.sign_in()
        self.sign_in()

    def any_fault(self, chance: random.Random, steps: tuple[Method, ...]) -> Fault | None:
        """Choose who dies where, or nobody."""
        if chance.randrange(3) == 0:
            return None
        return Fault(chance.choice(steps), chance.choice(MOMENTS), chance.choice(VICTIMS))

    def _send(self, path: str, body: Json, key: str, fault: Fault | None) -> tuple[int, Json]:
        person = Person(self.world.platform.client, self._shop.token)
        self.world.arm(fault)
        try:
            status, answer, _ = person.request("POST", path, body, key=key)
        except Died:
            return 0, {}
        finally:
            if fault is not None:
                self.world.platform.backend.before = self.world.platform.backend.after = None
        assert status in _ANSWERS, answer
        return status, answer
