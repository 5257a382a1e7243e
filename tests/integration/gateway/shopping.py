"""A web shop and its shoppers, with all services behind the gateway; one for all tests of a module.

Each test has shoppers and campaigns of its own. The clock only moves forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

from shared.clock import rfc3339
from tests.support.platform import ADMIN_PASSWORD, Person, Platform

DRAFT = {"name": "Spring", "kind": "amount_off", "value": 500, "validity": {"never_expires": True}}
STAFF = {"username": "grace", "password": ADMIN_PASSWORD}
ROLES = ["manager", "auditor"]
_NUMBERS = count(10_000_000)

Json = dict[str, Any]


@dataclass
class Shopper:
    """A member with points."""

    phone: str
    member_id: str
    app: Person

    @property
    def reference(self) -> Json:
        """Return how the shop names them."""
        return {"type": "phone", "value": self.phone}

    def balances(self) -> Json:
        """Return their points."""
        found: Json = self.app.get("/v1/members/me/points")["balances"]
        return found

    def coupons(self) -> Json:
        """Return the status of each of their coupons, by code."""
        items = self.app.get("/v1/members/me/coupons")["items"]
        return {item["code"]: item["status"] for item in items}


class Retail:
    """A platform with a shop and staff."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        admin = platform.admin()
        admin.post("/v1/staff", {"roles": ROLES, **STAFF})
        self._secret = admin.post("/v1/clients", {"name": "web", "role": "shop"})
        self.sign_in()

    def sign_in(self) -> None:
        """Give shop and staff fresh tokens; theirs end when the clock moves."""
        client = {name: self._secret[name] for name in ("client_id", "client_secret")}
        self.shop = self.platform.login(grant_type="client_credentials", **client)
        self.staff = self.platform.login(grant_type="password", **STAFF)

    def pass_time(self, *shoppers: Shopper, **delta: float) -> None:
        """Move the clock; all hear what became due, and sign in again."""
        self.platform.advance_clock(**delta)
        self.sign_in()
        for shopper in shoppers:
            shopper.app = self.platform.shopper(shopper.phone)

    def shopper(self, points: int = 0) -> Shopper:
        """Return a new member."""
        phone = f"138{next(_NUMBERS)}"
        made = self.shop.post("/v1/members", {"phone": phone, "channel": "web"})
        self.platform.settle()
        shopper = Shopper(phone, made["member_id"], self.platform.shopper(phone))
        if points:
            given = {"member_id": shopper.member_id, "points": points, "note": "Sorry."}
            self.staff.post("/v1/points/adjustments", {**given, "reason_code": "goodwill"})
        return shopper

    def publish(self, **terms: Any) -> str:
        """Publish a campaign; return its path."""
        made = self.staff.post("/v1/campaigns", {**DRAFT, **terms})
        path = f"/v1/campaigns/{made['campaign_id']}"
        self.staff.post(f"{path}/publish", status=200)
        return path

    def claim(self, shopper: Shopper, path: str | None = None, **terms: Any) -> str:
        """Let a shopper claim a coupon of a campaign, or of a new one; return its code."""
        code: str = shopper.app.post(f"{path or self.publish(**terms)}/claims")["code"]
        return code

    def basket(self, shopper: Shopper | None, *nets: int, **more: Any) -> Json:
        """Return a basket of lines "1", "2", … at these prices."""
        lines = [
            {"line_id": str(place), "sku": "tea", "quantity": 1, "net_minor": net}
            for place, net in enumerate(nets, start=1)
        ]
        member = {"member": shopper.reference} if shopper else {}
        return {"currency": "CNY", "channel": "web", "lines": lines, **member, **more}

    def quote(self, shopper: Shopper | None, *nets: int, status: int = 200, **more: Any) -> Json:
        """Ask for a quote as the shop."""
        return self.shop.post("/v1/quotes", self.basket(shopper, *nets, **more), status=status)

    def open(
        self, quote: Json, order_id: str | None = None, *, status: int = 201, **call: Any
    ) -> Json:
        """Open an order by a quote."""
        body = {"order_id": order_id or new_order(), "quote_token": quote["quote_token"]}
        return self.shop.post("/v1/checkouts", body, status=status, **call)

    def complete(
        self, order_id: str, *, paid_at: str | None = None, status: int = 201, **call: Any
    ) -> Json:
        """Say that an order is paid, and let everybody hear what came of it."""
        paid = {"paid_at": paid_at or rfc3339(self.platform.now())}
        answer = self.shop.post(f"/v1/checkouts/{order_id}/complete", paid, status=status, **call)
        self.platform.settle()
        return answer

    def cancel(self, order_id: str, *, status: int = 200, **more: Any) -> Json:
        """Give an order up, and let everybody hear of it."""
        why = {"reason_code": "payment_failed", **more}
        answer = self.shop.post(f"/v1/checkouts/{order_id}/cancel", why, status=status)
        self.platform.settle()
        return answer


def new_order() -> str:
    """Return an order's id."""
    return f"web-{uuid4()}"


def assert_adds_up(quote: Json) -> None:
    """The lines' amounts sum exactly to the totals."""
    totals, lines = quote["totals"], quote["lines"]
    for total, part in (
        ("gross_minor", "gross_minor"),
        ("discount_minor", "discount_minor"),
        ("points_minor", "points_minor"),
        ("payable_minor", "net_minor"),
    ):
        assert sum(line[part] for line in lines) == totals[total]


def sale_of(retail: Retail, shopper: Shopper, *nets: int, **more: Any) -> dict[str, Any]:
    basket = retail.basket(shopper, *nets)
    said = {"sale_id": new_order(), "occurred_at": rfc3339(retail.platform.now())}
    return {**{name: basket[name] for name in ("currency", "lines", "member")}, **said, **more}
