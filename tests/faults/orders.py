"""A till whose orders use coupons and points, in a world where processes die at chosen steps."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from shared.clock import rfc3339
from shared.contracts.coupons import rpc as coupons
from shared.contracts.members import rpc as members
from shared.contracts.method import Method
from shared.contracts.points import rpc as points
from shared.db.tables import PLATFORM
from shared.errors.backend import BackendUnavailable
from tests.faults.sums import COUNTERS
from tests.support.platform import Person, Platform, envelope_of

STEPS = (
    members.LOOKUP_MANY,
    points.OPEN_CHECKOUT,
    coupons.RESERVE,
    coupons.CONFIRM,
    points.RECORD_SALE,
)
"""What the gateway calls for a sale with coupons, in order."""
MOMENTS = ("before", "after")
"""Before the call, or after its effect and before its answer is there."""
VICTIMS = ("gateway", "service")
PHONE = "13800138000"
NET_MINOR = 1_000
RICH_MINOR = 20_000_000
"""What the member spent before: it has points for all orders, and the highest tier."""
COUPON_MINOR = 500
PUBLIC_MINOR = 300
TTL = timedelta(minutes=15)
STAFF = {"username": "grace", "password": "correct horse battery staple"}

Json = dict[str, Any]


class Died(BaseException):
    """The gateway's process ended: nothing after this runs, and nobody is answered."""


@dataclass(frozen=True)
class Fault:
    """Who dies at which call, and whether the call still has its effect."""

    step: Method
    moment: str
    victim: str

    @classmethod
    def any(cls, chance: random.Random) -> Fault:
        """Choose one."""
        return cls(chance.choice(STEPS), chance.choice(MOMENTS), chance.choice(VICTIMS))

    @property
    def lets_sale_happen(self) -> bool:
        """Whether the sale is recorded although nobody was told."""
        return self.step is points.RECORD_SALE and self.moment == "after"


@dataclass
class Order:
    """One sale as its till posts it, as often as it likes."""

    body: Json
    key: str = field(default_factory=lambda: str(uuid4()))
    answer: Json | None = None

    @property
    def sale_id(self) -> str:
        """Return the id, which is also the order's."""
        sale_id: str = self.body["sale_id"]
        return sale_id


class World:
    """A platform with a till and one member, who holds coupons and points."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        admin = platform.admin()
        store = {"store_id": "s-1", "name": "Nanjing", "time_zone": "Asia/Shanghai"}
        admin.post("/v1/stores", store)
        staff = {"roles": ["support", "auditor", "marketing"], **STAFF}
        admin.post("/v1/staff", staff)
        self._secret = admin.post("/v1/terminals", {"terminal_id": "t-1", "store_id": "s-1"})
        self.till = self._sign_in_till()
        enrolled = self.till.post("/v1/members", {"phone": PHONE, "channel": "store"})
        self.member_id: str = enrolled["member_id"]
        platform.settle()
        self.till.post("/v1/sales", {**self.body(), "lines": [line(RICH_MINOR)]})
        platform.settle()
        # Sales are judged by the tier of their time: the orders to come are after the rise.
        platform.advance_clock(minutes=1)
        self.sign_in()
        self._unique = self.publish(value=COUPON_MINOR)

    def sign_in(self) -> None:
        """Give everybody fresh tokens; theirs end when the clock moves."""
        self.till = self._sign_in_till()
        self.member = self.platform.shopper(PHONE)
        self.staff = self.platform.login(grant_type="password", **STAFF)

    def publish(self, **terms: Any) -> str:
        """Publish a campaign of coupons that take an amount off; return its path."""
        draft: Mapping[str, Any] = {
            "name": "Spring",
            "kind": "amount_off",
            "validity": {"never_expires": True},
        }
        made = self.staff.post("/v1/campaigns", {**draft, **terms})
        path = f"/v1/campaigns/{made['campaign_id']}"
        self.staff.post(f"{path}/publish", status=200)
        return path

    def publish_public(self, code: str, *, budget_minor: int) -> None:
        """Publish a campaign whose code everybody may use until its budget ends."""
        self.publish(
            value=PUBLIC_MINOR,
            budget_minor=budget_minor,
            limits={"per_member": 10_000, "total": 10_000},
            code={"type": "public", "value": code},
        )

    def claim(self) -> str:
        """Return the code of a new coupon of the member's."""
        code: str = self.member.post(f"{self._unique}/claims")["code"]
        return code

    def body(self) -> Json:
        """Return a sale without coupons."""
        return {
            "sale_id": f"order-{uuid4()}",
            "occurred_at": rfc3339(self.platform.now() - timedelta(seconds=1)),
            "currency": "CNY",
            "member": {"type": "phone", "value": PHONE},
            "lines": [line(NET_MINOR)],
        }

    def order(self, codes: Sequence[str], points_to_redeem: int = 0) -> Order:
        """Return an order of 10.00 that names these codes."""
        spent = {"points_to_redeem": points_to_redeem} if points_to_redeem else {}
        return Order({**self.body(), **spent, "coupons": list(codes)})

    def post(self, order: Order, fault: Fault | None = None) -> int:
        """Post it; return the status, or 0 when the gateway died over it."""
        self.arm(fault)
        try:
            status, answer, _ = self.till.request("POST", "/v1/sales", order.body, key=order.key)
        except Died:
            return 0
        finally:
            self.platform.backend.before = self.platform.backend.after = None
        if status == 201:
            assert order.answer in (None, answer)
            order.answer = answer
        return status

    def post_stalled(self, order: Order, step: Method, meanwhile: Callable[[], None]) -> int:
        """Post it through a gateway that stands still before a step while others go on."""
        waiting = [meanwhile]

        def stall(method: Method) -> None:
            if method is step and waiting:
                # In a thread, because Flask lets requests within a request share their context.
                with ThreadPoolExecutor(1) as others:
                    others.submit(waiting.pop()).result()

        self.platform.backend.before = stall
        return self.post(order)

    def let_time_run_out(self) -> None:
        """Move beyond every opening's time limit; all hear what became due."""
        self.platform.move_clock(self.platform.now() + TTL + timedelta(minutes=1))
        self.sign_in()

    def tell_again(self, chance: random.Random) -> None:
        """Deliver every event of points there ever was once more, in any order."""
        engine = self.platform.services["points"].db.engine
        with engine.connect() as connection:
            rows = connection.execute(sa.select(PLATFORM.outbox)).all()
        for row in chance.sample(rows, len(rows)):
            self.platform.deliver(envelope_of(row, "points"))

    def coupon_status(self, code: str) -> str:
        """Return what the member's wallet says of a coupon."""
        page: Json = {"next_cursor": ""}
        while (cursor := page["next_cursor"]) is not None:
            after = f"&cursor={cursor}" if cursor else ""
            page = self.member.get(f"/v1/members/me/coupons?limit=200{after}")
            for item in page["items"]:
                if item["code"] == code:
                    return str(item["status"])
        raise LookupError(f"coupon {code} is not in the wallet")

    def available(self) -> int:
        """Return the member's points."""
        points: int = self.staff.get(f"/v1/members/{self.member_id}/points")["balances"][
            "available"
        ]
        return points

    def sale(self, order: Order) -> Json | None:
        """Return the sale the order has become, None if it has not."""
        return self.sale_of(order.sale_id)

    def sale_of(self, sale_id: str) -> Json | None:
        """Return a sale, None if there is none."""
        status, body, _ = self.till.request("GET", f"/v1/sales/{sale_id}")
        assert status in (200, 404), body
        return body if status == 200 else None

    def cancel(self, order: Order) -> None:
        """Undo a sale."""
        reason = {"reason_code": "customer_request"}
        self.staff.post(f"/v1/sales/{order.sale_id}/cancel", reason, status=200)

    def uses(self, order: Order) -> dict[str, int]:
        """Return what the order's coupons took off, by the status of their use."""
        return self.uses_of(order.sale_id)

    def uses_of(self, order_id: str) -> dict[str, int]:
        """Return the same of any order."""
        statement = "SELECT status, discount_minor FROM redemptions WHERE order_id = :order"
        found = Counter[str]()
        for row in self.platform.databases["coupons"].query(statement, order=order_id):
            found[row.status] += row.discount_minor
        found.pop("released", None)
        return dict(found)

    def assert_counters_and_ledger_add_up(self) -> None:
        """Budgets and limits hold exactly what is used; the ledger proves itself."""
        rows = self.platform.databases["coupons"].query(COUNTERS)
        assert [row for row in rows if row.used != row.counted] == []
        verified = self.staff.post("/v1/points/verify", status=200)
        assert (verified["ok"], verified["drift"]) == (True, [])

    def _sign_in_till(self) -> Person:
        return self.platform.login(
            grant_type="client_credentials",
            client_id=self._secret["client_id"],
            client_secret=self._secret["client_secret"],
        )

    def arm(self, fault: Fault | None) -> None:
        """Let somebody die at the next call that the fault names."""
        if fault is None:
            return
        armed = [fault]

        def strike(method: Method) -> None:
            if armed and method is fault.step:
                armed.clear()
                if fault.victim == "gateway":
                    raise Died
                raise BackendUnavailable

        if fault.moment == "before":
            self.platform.backend.before = strike
        else:
            self.platform.backend.after = strike


def line(net_minor: int) -> Json:
    """Return the only line of a sale."""
    return {"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": net_minor}
