"""Clients of the API: each request is repeated with its key until it is answered, or given up."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from shared.clock import rfc3339
from tests.faults.stack.retail import PUBLIC_CODE, Coupon, Member, Retail, new_id
from tests.support.shop import Api, Json

NET_MINOR = 1_000
SPENT = 100
GONE = 0
"""Status of a request that got no answer: the gateway died over it."""
_AGAIN = {GONE, 503, 504}
_RUNNING = "request_in_progress"
PATIENCE_S = 60.0


@dataclass
class Act:
    """One request of a client's, in as many tries as it takes."""

    api: Api
    path: str
    body: Json
    key: str = field(default_factory=lambda: str(uuid4()))
    tries: int = 0
    status: int = GONE
    answer: Json = field(default_factory=dict)

    @property
    def next_try(self) -> str:
        """Return the request id of the try to come."""
        return f"{self.key}.{self.tries + 1}"

    def attempt(self) -> None:
        """Send it once."""
        request_id, self.status, self.answer = self.next_try, GONE, {}
        self.tries += 1
        try:
            said = self.api.send("POST", self.path, self.body, key=self.key, request_id=request_id)
        except httpx.TransportError:
            return
        self.status, self.answer = said.status_code, said.json()

    def carry_through(self) -> None:
        """Send it until it is answered; it must succeed."""
        until = time.monotonic() + PATIENCE_S
        while not self.is_answered:
            assert time.monotonic() < until, (self.path, self.status, self.answer)
            self.attempt()
            if not self.is_answered:
                time.sleep(0.05)
        assert self.status in (200, 201), (self.path, self.status, self.answer)

    @property
    def is_answered(self) -> bool:
        """Whether a client would not send it again."""
        return self.status not in _AGAIN and self.answer.get("code") != _RUNNING


class Order:
    """What a client wants, as the requests it makes one after the other."""

    kind: str

    def __init__(self, retail: Retail, member: Member) -> None:
        self.retail, self.member = retail, member
        self.order_id = new_id(self.kind)
        self._acts: dict[str, Act] = {}

    def act(self, name: str) -> Act:
        """Return one of its requests, always the same; those before it were answered."""
        if name not in self._acts:
            self._acts[name] = Act(*getattr(self, f"_{name}")())
        return self._acts[name]

    def has_done(self, name: str) -> bool:
        """Whether a request was made, and answered with success."""
        return name in self._acts and self._acts[name].status in (200, 201)

    def __repr__(self) -> str:
        """Return what a failing test shows."""
        acts = {name: (act.status, act.answer.get("code")) for name, act in self._acts.items()}
        return f"{self.order_id} {acts}"


class _Purchase(Order):
    """An order of 10.00 with points and a coupon: one of its own, or the public code."""

    coupon: Coupon | None = None

    def __init__(self, retail: Retail, member: Member, *, is_public: bool) -> None:
        super().__init__(retail, member)
        if not is_public:
            self.coupon = retail.claim(member)
        line = {"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": NET_MINOR}
        self._basket: dict[str, Any] = {
            "currency": "CNY",
            "member": member.reference,
            "lines": [line],
            "points_to_redeem": SPENT,
        }

    @property
    def _code(self) -> str:
        return self.coupon.code if self.coupon else PUBLIC_CODE

    def _give_back(self) -> tuple[Api, str, Json]:
        sale = self.retail.shop.get(f"/v1/sales/{self.order_id}")
        (line,) = sale["lines"]
        body = {
            "return_id": "r-1",
            "occurred_at": rfc3339(self.retail.now()),
            "reason_code": "customer_return",
            "lines": [
                {
                    "line_id": line["line_id"],
                    "quantity": 1,
                    "net_minor": line["net_minor"] - line["discount_minor"],
                }
            ],
        }
        return self.retail.shop, f"/v1/sales/{self.order_id}/returns", body

    def _undo(self) -> tuple[Api, str, Json]:
        reason = {"reason_code": "customer_request"}
        return self.retail.staff, f"/v1/sales/{self.order_id}/cancel", reason


class WebOrder(_Purchase):
    """A shop's order, by a quote."""

    kind = "web"

    def __init__(self, retail: Retail, member: Member, *, is_public: bool) -> None:
        super().__init__(retail, member, is_public=is_public)
        asked = {**self._basket, "channel": "web", "codes": [self._code]}
        self._quote = retail.shop.post("/v1/quotes", asked)

    def _open(self) -> tuple[Api, str, Json]:
        body = {"order_id": self.order_id, "quote_token": self._quote["quote_token"]}
        return self.retail.shop, "/v1/checkouts", body

    def _complete(self) -> tuple[Api, str, Json]:
        paid = {"paid_at": self.act("open").answer["opened_at"]}
        return self.retail.shop, f"/v1/checkouts/{self.order_id}/complete", paid

    def _cancel(self) -> tuple[Api, str, Json]:
        reason = {"reason_code": "payment_failed"}
        return self.retail.shop, f"/v1/checkouts/{self.order_id}/cancel", reason


class TillSale(_Purchase):
    """A till's sale with a coupon, in one request."""

    kind = "till"

    def _sell(self) -> tuple[Api, str, Json]:
        said = {"sale_id": self.order_id, "occurred_at": rfc3339(self.retail.now())}
        return self.retail.till, "/v1/sales", {**self._basket, **said, "coupons": [self._code]}


class RewardOrder(Order):
    """An order of a reward that nobody else orders."""

    kind = "reward"

    def __init__(self, retail: Retail, member: Member, **_: bool) -> None:
        super().__init__(retail, member)
        self.reward_id = retail.offer()

    def _order(self) -> tuple[Api, str, Json]:
        body = {"quantity": 1, "member_id": self.member.member_id}
        return self.retail.staff, f"/v1/rewards/{self.reward_id}/orders", body

    def _take_back(self) -> tuple[Api, str, Json]:
        order_id = self.act("order").answer["order_id"]
        reason = {"reason_code": "customer_request"}
        return self.retail.staff, f"/v1/reward-orders/{order_id}/cancel", reason
