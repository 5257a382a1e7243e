"""The platform as far as a replay sees it, in memory: enough to observe what a replay sends."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

Json = dict[str, Any]

POINTS = {"earned": 5, "redeemed": 1}
"""What every sale does here."""


@dataclass
class Platform:
    """Remembers every request in ``log`` as ``(clock, method, path, body)``.

    Attributes:
        refuse: Sales to refuse, with the code.
        publish_fails_once: Answer 503 to the first publication.
        loses_coupons: Show empty wallets.
    """

    clock: str = "2026-01-01T00:00:00Z"
    refuse: dict[str, str] = field(default_factory=dict)
    publish_fails_once: bool = False
    loses_coupons: bool = False
    log: list[tuple[str, str, str, Json]] = field(default_factory=list)
    sales: dict[str, Json] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    campaigns: dict[str, Json] = field(default_factory=dict)
    wallets: dict[str, list[Json]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def bodies(self, method: str, path: str) -> list[tuple[str, Json]]:
        """Clock and body of every request to a path."""
        return [(at, body) for at, verb, to, body in self.log if (verb, to) == (method, path)]

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Handle one request."""
        body = json.loads(request.content) if request.content else {}
        path = request.url.path
        with self.lock:
            self.log.append((self.clock, request.method, path, body))
            for pattern, handler in self._routes().items():
                if found := re.fullmatch(pattern, f"{request.method} {path}"):
                    who = request.headers.get("Authorization", "").removeprefix("Bearer ")
                    return handler(body, who, *found.groups())
        raise AssertionError(f"unexpected {request.method} {path}")

    def _routes(self) -> dict[str, Callable[..., httpx.Response]]:
        return {
            "POST /v1/auth/otp": lambda body, _: self._ok({"sandbox_code": body["phone"]}),
            "POST /v1/auth/token": lambda body, _: self._ok({"access_token": body.get("code", "")}),
            "GET /v1/sandbox/clock": lambda *_: self._ok({"now": self.clock}),
            "PUT /v1/sandbox/clock": self._move,
            "POST /v1/(staff|stores|terminals)": self._create,
            "POST /v1/terminals/(.+)/rotate": lambda _, __, name: self._ok(self._secret(name)),
            "POST /v1/members": self._enrol,
            "POST /v1/members/lookup": lambda body, _: self._ok(
                {"member_id": self.members[body["value"]]}
            ),
            "GET /v1/campaigns": lambda *_: self._page(list(self.campaigns.values())),
            "POST /v1/campaigns": self._campaign,
            "POST /v1/campaigns/(.+)/publish": self._publish,
            "POST /v1/campaigns/(.+)/issue": self._issue,
            "GET /v1/members/me/coupons": self._wallet,
            "POST /v1/sales/batch": self._batch,
            "POST /v1/sales": self._sale,
            "GET /v1/sales/(.+)": self._find,
            "POST /v1/points/verify": lambda *_: self._ok({"ok": True, "accounts_checked": 4}),
            "GET /v1/members/.+/points": lambda *_: self._ok(
                {"lifetime": {"earned": 10, "redeemed": 3}}
            ),
            "GET /v1/members/.+/tier": lambda *_: self._ok({"tier": {"code": "SILVER"}}),
        }

    def _ok(self, body: Json, status: int = 200) -> httpx.Response:
        return httpx.Response(status, json=body)

    def _page(self, items: list[Json]) -> httpx.Response:
        return self._ok({"items": items, "next_cursor": None})

    def _move(self, body: Json, _: str) -> httpx.Response:
        assert body["now"] > self.clock, "the clock only moves forward"
        self.clock = body["now"]
        return self._ok({"now": self.clock})

    def _create(self, body: Json, _: str, kind: str) -> httpx.Response:
        name = body.get("username") or body.get("terminal_id") or body["store_id"]
        if name in self.names:
            return self._ok({"code": f"{kind}_exists"}, 409)
        self.names.add(name)
        return self._ok(self._secret(name), 201)

    def _secret(self, name: str) -> Json:
        return {"client_id": name, "client_secret": "s"}

    def _enrol(self, body: Json, _: str) -> httpx.Response:
        if body["phone"] in self.members:
            return self._ok({"code": "phone_taken"}, 409)
        self.members[body["phone"]] = f"member-{len(self.members)}"
        return self._ok({"member_id": self.members[body["phone"]]}, 201)

    def _campaign(self, body: Json, _: str) -> httpx.Response:
        campaign_id = f"campaign-{len(self.campaigns)}"
        self.campaigns[campaign_id] = body | {"campaign_id": campaign_id, "status": "draft"}
        return self._ok(self.campaigns[campaign_id], 201)

    def _publish(self, _: Json, __: str, campaign_id: str) -> httpx.Response:
        if self.publish_fails_once:
            self.publish_fails_once = False
            return self._ok({"code": "backend_unavailable"}, 503)
        self.campaigns[campaign_id]["status"] = "published"
        return self._ok(self.campaigns[campaign_id])

    def _issue(self, body: Json, _: str, campaign_id: str) -> httpx.Response:
        items, rejected = [], []
        for member_id in body["member_ids"]:
            wallet = self.wallets.setdefault(member_id, [])
            if all(each["campaign_id"] != campaign_id for each in wallet):
                coupon = {"campaign_id": campaign_id, "code": f"{campaign_id}/{member_id}"}
                wallet.append(coupon)
                items.append(coupon)
            else:
                rejected.append({"member_id": member_id, "reason": "limit_reached"})
        return self._ok({"items": items, "rejected": rejected}, 201)

    def _wallet(self, _: Json, phone: str) -> httpx.Response:
        wallet = self.wallets.get(self.members[phone], [])
        return self._page([] if self.loses_coupons else wallet)

    def _batch(self, body: Json, _: str) -> httpx.Response:
        return self._ok({"results": [self._take(sale) for sale in body["sales"]]})

    def _sale(self, body: Json, _: str) -> httpx.Response:
        result = self._take(body)
        if result["status"] == "rejected":
            return self._ok(result["error"], 422)
        return self._ok(self._answer_of(body), 201)

    def _find(self, _: Json, __: str, sale_id: str) -> httpx.Response:
        if sale_id not in self.sales:
            return self._ok({"code": "not_found"}, 404)
        return self._ok(self._answer_of(self.sales[sale_id]))

    def _answer_of(self, sale: Json) -> Json:
        applied = [{"code": code} for code in sale.get("coupons", ())]
        return {
            "points": POINTS,
            "coupons": {"applied": applied, "skipped": [], "rejected": []},
            "totals": {"discount_minor": 5},
        }

    def _take(self, sale: Json) -> Json:
        sale_id = sale["sale_id"]
        assert sale["occurred_at"] <= self.clock, "a sale may not lie in the future"
        if sale_id in self.refuse:
            return {
                "sale_id": sale_id,
                "status": "rejected",
                "error": {"code": self.refuse[sale_id]},
            }
        if sale_id in self.sales:
            assert self.sales[sale_id] == sale, "a sale may not change"
            return {"sale_id": sale_id, "status": "replayed", "points": POINTS}
        self.sales[sale_id] = sale
        return {"sale_id": sale_id, "status": "created", "points": POINTS}
