"""A retailer on the real stack: a web shop, a till, staff, and members with points and coupons."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import httpx

from shared.clock import parse_rfc3339, rfc3339
from tests.support.shop import Api, Json
from tests.support.stack import Stack
from tests.support.standalone import ADMIN_PASSWORD
from tests.support.waiting import eventually

MEMBERS = 4
FIRST_POINTS = 10_000
PUBLIC_CODE = "EVERYBODY"
COUPON_MINOR, PUBLIC_MINOR = 500, 300
BUDGET_MINOR = 10_000_000
REWARD_POINTS, STOCK = 50, 5
TTL = timedelta(minutes=31)
"""Longer than anything waits: orders, holds, the stock of rewards."""
_STAFF = {"username": "grace", "password": "correct horse battery staple"}
_ROLES = ["manager", "auditor", "marketing"]


@dataclass
class Member:
    """Somebody with points who claims coupons."""

    phone: str
    member_id: str
    app: Api = field(init=False)

    @property
    def reference(self) -> Json:
        """Return how tills and shops name them."""
        return {"type": "phone", "value": self.phone}


@dataclass(frozen=True)
class Coupon:
    """A coupon of a member's own."""

    code: str
    coupon_id: str


class Retail:
    """All who call the API; their tokens end when the clock moves."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.admin = self._password("admin", ADMIN_PASSWORD)
        store = {"store_id": "S1", "name": "Nanjing", "time_zone": "Asia/Shanghai"}
        self.admin.post("/v1/stores", store)
        self.admin.post("/v1/staff", {"roles": _ROLES, **_STAFF})
        self._till = self.admin.post("/v1/terminals", {"terminal_id": "T1", "store_id": "S1"})
        self._shop = self.admin.post("/v1/clients", {"name": "web", "role": "shop"})
        self.members = [self._enrol(f"+86138{number:08d}") for number in range(MEMBERS)]
        self.sign_in()
        self._give_points()
        self._unique = self._publish(value=COUPON_MINOR, budget_minor=BUDGET_MINOR)
        self._publish(
            value=PUBLIC_MINOR,
            budget_minor=BUDGET_MINOR,
            limits={"per_member": 10_000, "total": 10_000},
            code={"type": "public", "value": PUBLIC_CODE},
        )

    def sign_in(self) -> None:
        """Give everybody fresh tokens."""
        self.admin = self._password("admin", ADMIN_PASSWORD)
        self.staff = self._password(**_STAFF)
        self.till, self.shop = self._machine(self._till), self._machine(self._shop)
        for member in self.members:
            sent = httpx.post(f"{self.stack.url}/v1/auth/otp", json={"phone": member.phone}).json()
            grant = {"grant_type": "otp", "phone": member.phone, "code": sent["sandbox_code"]}
            member.app = Api(self.stack.url, grant)
            member.app.get("/v1/members/me")  # the code is good once, whoever comes first

    def now(self) -> datetime:
        """Return the platform's time."""
        return parse_rfc3339(self.admin.get("/v1/sandbox/clock")["now"])

    def send_clock(self, to: datetime) -> httpx.Response:
        """Ask to move the clock, which does all work that is due then (A8)."""
        return self.admin.send("PUT", "/v1/sandbox/clock", {"now": rfc3339(to)})

    def move_clock(self, to: datetime) -> None:
        """Move it, and sign in again."""
        answer = self.send_clock(to)
        assert answer.status_code == 200, answer.text
        self.sign_in()

    def let_time_run_out(self) -> None:
        """Move beyond every time limit."""
        self.move_clock(self.now() + TTL)

    def claim(self, member: Member) -> Coupon:
        """Let a member claim a coupon."""
        claimed = member.app.post(f"{self._unique}/claims", {})
        return Coupon(claimed["code"], claimed["coupon_id"])

    def offer(self) -> str:
        """Offer a new reward; return its id."""
        pot = {"name": "Tea pot", "kind": "item", "points": REWARD_POINTS, "stock": STOCK}
        reward_id: str = self.staff.post("/v1/rewards", pot)["reward_id"]
        return reward_id

    def balances(self, member: Member) -> Json:
        """Return a member's points."""
        found: Json = self.staff.get(f"/v1/members/{member.member_id}/points")["balances"]
        return found

    def _enrol(self, phone: str) -> Member:
        till = self._machine(self._till)
        made = till.post("/v1/members", {"phone": phone, "channel": "store"})
        return Member(phone, made["member_id"])

    def _give_points(self) -> None:
        for member in self.members:
            given = {"points": FIRST_POINTS, "reason_code": "goodwill", "note": "To begin with."}
            body = {**given, "member_id": member.member_id}
            # Points hears of the enrolment by event.
            eventually(partial(self._is_made, "/v1/points/adjustments", body))

    def _is_made(self, path: str, body: Json) -> bool:
        return self.staff.send("POST", path, body).status_code == 201

    def _publish(self, **terms: object) -> str:
        draft = {"name": "Spring", "kind": "amount_off", "validity": {"never_expires": True}}
        path = (
            f"/v1/campaigns/{self.staff.post('/v1/campaigns', {**draft, **terms})['campaign_id']}"
        )
        self.staff.post(f"{path}/publish", {})
        return path

    def _password(self, username: str, password: str) -> Api:
        grant = {"grant_type": "password", "username": username, "password": password}
        return Api(self.stack.url, grant)

    def _machine(self, made: Json) -> Api:
        named = {name: made[name] for name in ("client_id", "client_secret")}
        return Api(self.stack.url, {"grant_type": "client_credentials", **named})


def new_id(kind: str) -> str:
    """Return an id for an order."""
    return f"{kind}-{uuid4()}"
