"""A retailer as clients of the API see it: staff, a till, members, and sales that are repeated."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from tests.support.standalone import ADMIN_PASSWORD

Json = dict[str, Any]
TIMEOUT_S = 60.0


class Api:
    """One caller of the HTTP API with its token; safe to share between threads."""

    def __init__(self, url: str, grant: Mapping[str, str]) -> None:
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT_S)
        self._grant = dict(grant)
        self._token: str | None = None

    def send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        key: str | None = None,
        request_id: str | None = None,
    ) -> httpx.Response:
        """Send once. Raises ``httpx.TransportError`` when the server is gone.

        ``request_id`` names this try wherever its messages go.
        """
        if self._token is None:
            answer = self._client.post("/v1/auth/token", json=self._grant)
            assert answer.status_code == 200, answer.text
            self._token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": key or str(uuid4())}
        if request_id is not None:
            headers["X-Request-Id"] = request_id
        return self._client.request(method, path, json=body, headers=headers)

    def post(self, path: str, body: Json) -> Json:
        """Create something; it must succeed."""
        answer = self.send("POST", path, body)
        assert answer.is_success, answer.text
        made: Json = answer.json()
        return made

    def get(self, path: str) -> Json:
        """Read something that is there."""
        answer = self.send("GET", path)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found


@dataclass
class Shop:
    """A store with one till, an auditor, and members to sell to."""

    url: str
    admin: Api
    auditor: Api
    till: Api
    members: list[Json] = field(default_factory=list)

    @classmethod
    def open(cls, url: str, *, members: int) -> Shop:
        """Set everything up through the API."""
        admin = Api(
            url, {"grant_type": "password", "username": "admin", "password": ADMIN_PASSWORD}
        )
        password = "auditing all day long"
        roles = ["auditor", "support"]
        admin.post("/v1/staff", {"username": "ada", "password": password, "roles": roles})
        auditor = Api(url, {"grant_type": "password", "username": "ada", "password": password})
        admin.post(
            "/v1/stores", {"store_id": "S1", "name": "Main street", "time_zone": "Asia/Shanghai"}
        )
        secret = admin.post("/v1/terminals", {"terminal_id": "T1", "store_id": "S1"})
        till = Api(
            url,
            {
                "grant_type": "client_credentials",
                "client_id": secret["client_id"],
                "client_secret": secret["client_secret"],
            },
        )
        shop = cls(url, admin, auditor, till)
        for number in range(members):
            body = {"phone": f"+86138{number:08d}", "name": f"Member {number}", "channel": "store"}
            shop.members.append({**till.post("/v1/members", body), "phone": body["phone"]})
        return shop

    def now(self) -> str:
        """Return the platform's time."""
        told: str = self.admin.get("/v1/sandbox/clock")["now"]
        return told


@dataclass
class Sale:
    """One sale and all that is known about it from outside."""

    body: Json
    key: str = field(default_factory=lambda: str(uuid4()))
    answer: Json | None = None
    """Body of the first 201; None as long as there was none."""

    @classmethod
    def of(cls, member: Json, net_minor: int) -> Sale:
        """Make a sale of one line to ``member`` now."""
        return cls(
            {
                "sale_id": f"sale-{uuid4()}",
                "occurred_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
                "currency": "CNY",
                "member": {"type": "phone", "value": member["phone"]},
                "lines": [{"line_id": "1", "sku": "TEA", "quantity": 1, "net_minor": net_minor}],
            }
        )

    @property
    def net_minor(self) -> int:
        """What was paid."""
        amount: int = self.body["lines"][0]["net_minor"]
        return amount

    def post(self, till: Api) -> httpx.Response:
        """Send it with its key, as often as one likes; keep what the first success said."""
        answer = till.send("POST", "/v1/sales", self.body, key=self.key)
        if answer.status_code == 201 and self.answer is None:
            self.answer = answer.json()
        return answer


class Rush:
    """Tills that post sales side by side until the server is gone or they are told to stop."""

    def __init__(self, shop: Shop, sales: list[Sale], *, tills: int) -> None:
        self._shop = shop
        self._waiting = iter(sales)
        self._taking = threading.Lock()
        self._stop = threading.Event()
        self.refused: list[str] = []
        """Answers that were neither a success nor "try again"."""
        self._threads = [threading.Thread(target=self._post) for _ in range(tills)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Let the tills finish what they are at."""
        self._stop.set()
        self.wait()

    def wait(self) -> None:
        """Wait until all sales are posted or the server is gone."""
        for thread in self._threads:
            thread.join()

    def _post(self) -> None:
        while not self._stop.is_set():
            with self._taking:
                sale = next(self._waiting, None)
            if sale is None:
                return
            try:
                answer = sale.post(self._shop.till)
            except httpx.TransportError:
                return
            if answer.status_code not in {201, 503, 504}:
                self.refused.append(answer.text)


def post_until_answered(sale: Sale, till: Api, *, within_s: float = 30) -> httpx.Response:
    """Repeat a sale with its key until it succeeds."""
    until = time.monotonic() + within_s
    while (answer := sale.post(till)).status_code in {409, 503, 504}:
        assert time.monotonic() < until, answer.text
        time.sleep(0.1)
    return answer
