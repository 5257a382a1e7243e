"""One shopper's story in ten calls: ``python -m examples.demo``.

Every call is printed with its body and its answer, so that a reader learns the API. A store, its
till, and a campaign are set up before the story begins.
"""

import argparse
import random
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.json import JSON

from examples.client import (
    ApiClient,
    Exchange,
    Json,
    Login,
    Refused,
    Unreachable,
    by_password,
    by_sandbox_otp,
    by_secret,
)
from examples.own_server import NotReady, server_at

TIER_WITHIN_S = 10.0
"""How long the story waits for a tier to follow a sale (T8 promises 5 s)."""

SHOWN_ITEMS = 4
"""How many items of a list are printed."""


@dataclass(slots=True)
class Cast:
    """Who takes part; ``run`` makes ids of this telling unlike those of any other."""

    till: Login
    auditor: Login
    shopper: Login
    phone: str
    campaign_id: str
    run: str
    member_id: str = ""


@dataclass(slots=True)
class Narrator:
    """Prints each call of the story as it happens."""

    console: Console
    chapter: int = 0
    heard: list[Exchange] = field(default_factory=list)

    def tell(self, headline: str) -> None:
        """Open the next chapter."""
        self.chapter += 1
        self.console.rule(f"[bold]{self.chapter}. {headline}[/bold]", align="left")

    def hear(self, exchange: Exchange) -> None:
        """Remember a call; it is printed by `show`."""
        self.heard.append(exchange)

    def show(self) -> None:
        """Print the last call."""
        exchange = self.heard[-1]
        self.console.print(f"[cyan]{exchange.method} {exchange.path}[/cyan]")
        if exchange.body is not None:
            self.console.print(JSON.from_data(exchange.body))
        answer = exchange.answer
        colour = "green" if answer.ok else "red"
        self.console.print(f"[{colour}]→ {answer.status}[/{colour}]")
        self.console.print(JSON.from_data(shortened(answer.body)))


def shortened(body: Json) -> Json:
    """An answer with long lists cut, saying so."""
    items = body.get("items")
    if not isinstance(items, list) or len(items) <= SHOWN_ITEMS:
        return body
    left = f"… and {len(items) - SHOWN_ITEMS} more"
    return {**body, "items": [*items[:SHOWN_ITEMS], left]}


class Story:
    """The ten calls.

    Args:
        client: The server.
        cast: Who takes part.
        narrator: Prints.
        now: Tells the platform's time, or a little less.
    """

    def __init__(
        self, client: ApiClient, cast: Cast, narrator: Narrator, now: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._cast = cast
        self._narrator = narrator
        self._now = now

    def tell(self) -> bool:
        """Tell the story; whether the ledger proved itself at its end."""
        self.enrol()
        self.buy("first", "A sale at the till earns points", [("milk", 1_290), ("tea", 8_800)])
        self.get("The shopper looks at the balance", "points")
        code = self.claim()
        basket = [("coffee", 4_500), ("bread", 1_500)]
        self.buy("coupon", "The coupon pays part of a sale", basket, [code])
        self.buy("big", "A large sale lifts the shopper to SILVER at once", [("bicycle", 120_000)])
        self.wallet()
        self.give_back()
        self.get("Every movement has its reason and its balance", "points/transactions")
        return self.verify()

    def _call(self, headline: str, method: str, path: str, login: Login, body: Json | None) -> Json:
        """One call of the story: told, made, shown."""
        self._narrator.tell(headline)
        key = None if method == "GET" else f"demo-{self._cast.run}-{self._narrator.chapter}"
        try:
            return self._client.call(method, path, login=login, body=body, key=key)
        finally:
            self._narrator.show()

    def enrol(self) -> None:
        """The till enrols a new member."""
        body: Json = {"phone": self._cast.phone, "name": "Lin Yue", "channel": "store"}
        headline = "A shopper joins at the till"
        member = self._call(headline, "POST", "/v1/members", self._cast.till, body)
        self._cast.member_id = str(member["member_id"])

    def buy(
        self, name: str, headline: str, goods: Sequence[tuple[str, int]], codes: Sequence[str] = ()
    ) -> None:
        """The till posts a sale of goods with their prices in minor units."""
        lines: list[Json] = [
            {"line_id": str(number), "sku": sku, "quantity": 1, "net_minor": net_minor}
            for number, (sku, net_minor) in enumerate(goods, start=1)
        ]
        body: Json = {
            "sale_id": self._sale_id(name),
            "occurred_at": rfc3339(self._now()),
            "currency": "CNY",
            "member": {"type": "phone", "value": self._cast.phone},
            "lines": lines,
        }
        if codes:
            body["coupons"] = list(codes)
        self._call(headline, "POST", "/v1/sales", self._cast.till, body)

    def get(self, headline: str, what: str) -> None:
        """The shopper reads something of its own."""
        self._call(headline, "GET", f"/v1/members/me/{what}", self._cast.shopper, None)

    def claim(self) -> str:
        """The shopper claims a coupon in the app; returns its code."""
        path = f"/v1/campaigns/{self._cast.campaign_id}/claims"
        headline = "The shopper claims a coupon in the app"
        return str(self._call(headline, "POST", path, self._cast.shopper, {})["code"])

    def wallet(self) -> None:
        """The tier follows the sale by event: ask until it has, show the last answer."""
        self._narrator.tell("The wallet: tier and what the next one takes, points, coupons")
        deadline = time.monotonic() + TIER_WITHIN_S
        while True:
            wallet = self._client.call("GET", "/v1/members/me/wallet", login=self._cast.shopper)
            if wallet["tier"]["tier"]["code"] == "SILVER" or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        self._narrator.show()

    def give_back(self) -> None:
        """One line of the first sale comes back; its points go, those of the other line stay."""
        body: Json = {
            "return_id": f"return-{self._cast.run}",
            "occurred_at": rfc3339(self._now()),
            "lines": [{"line_id": "1", "quantity": 1, "net_minor": 1_290}],
            "reason_code": "customer_return",
        }
        path = f"/v1/sales/{self._sale_id('first')}/returns"
        headline = "The milk goes back, and the points it earned with it"
        self._call(headline, "POST", path, self._cast.till, body)

    def verify(self) -> bool:
        """The auditor has the ledger prove itself."""
        headline = "The ledger proves itself"
        proof = self._call(headline, "POST", "/v1/points/verify", self._cast.auditor, {})
        return proof["ok"] is True

    def _sale_id(self, name: str) -> str:
        return f"demo-{self._cast.run}-{name}"


def rfc3339(instant: datetime) -> str:
    """An instant as the API writes it: UTC with ``Z`` (A1)."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def clock_of(client: ApiClient, admin: Login) -> Callable[[], datetime]:
    """A clock that agrees with the platform's, which in a sandbox may have been moved (A8).

    It is behind by the time the question took, so nothing it stamps lies in the future.
    """
    platform = datetime.fromisoformat(client.call("GET", "/v1/sandbox/clock", login=admin)["now"])
    ahead = platform - datetime.now(UTC)
    return lambda: datetime.now(UTC) + ahead


def set_the_stage(client: ApiClient, admin: Login, run: str, now: datetime) -> Cast:
    """Open a store with a till, employ staff and publish a campaign."""
    store: Json = {"store_id": f"demo-{run}", "name": "Demo store", "time_zone": "Asia/Shanghai"}
    client.call("POST", "/v1/stores", login=admin, body=store, key=run)
    terminal: Json = {"terminal_id": f"demo-{run}-till", "store_id": store["store_id"]}
    secret = client.call("POST", "/v1/terminals", login=admin, body=terminal, key=run)
    marketing = _employ(client, admin, run, "marketing")
    phone = phone_for(run)
    return Cast(
        till=by_secret(secret["client_id"], secret["client_secret"]),
        auditor=_employ(client, admin, run, "auditor"),
        shopper=by_sandbox_otp(phone),
        phone=phone,
        campaign_id=_publish(client, marketing, run, now),
        run=run,
    )


def phone_for(run: str) -> str:
    """A number reserved for fiction, drawn by the id of this telling."""
    draw = random.Random(run)  # noqa: S311 - a number nobody has, not a secret
    return f"+1{draw.choice((301, 302, 303, 305, 307, 308, 309))}55501{draw.randrange(100):02d}"


def _employ(client: ApiClient, admin: Login, run: str, role: str) -> Login:
    password = uuid.uuid4().hex
    body: Json = {"username": f"demo-{run}-{role}", "password": password, "roles": [role]}
    client.call("POST", "/v1/staff", login=admin, body=body, key=f"{run}-{role}")
    return by_password(body["username"], password)


def _publish(client: ApiClient, marketing: Login, run: str, now: datetime) -> str:
    """Publish ten yuan off coffee, valid for a month."""
    until = rfc3339(now + timedelta(days=30))
    body: Json = {
        "name": "Ten off coffee",
        "kind": "amount_off",
        "value": 1_000,
        "scope": {"skus": ["coffee"]},
        "validity": {"from": rfc3339(now), "until": until},
        "limits": {"per_member": 1},
        "stacking": {"category": "grocery", "exclusive": False, "joint_with": []},
        "code": {"type": "unique"},
        "restore_on_partial_return": False,
        "terms": "Ten off a pack of coffee, once per member.",
        "priority": 100,
    }
    campaign = client.call("POST", "/v1/campaigns", login=marketing, body=body, key=run)
    path = f"/v1/campaigns/{campaign['campaign_id']}/publish"
    client.call("POST", path, login=marketing, body={}, key=run)
    return str(campaign["campaign_id"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell the story; 0 if every call went through and the ledger proved itself."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.demo",
        description="One shopper's story in ten calls to a sandbox server.",
        epilog="With --base-url the admin's password is taken from LOYALTY_ADMIN_PASSWORD.",
    )
    parser.add_argument(
        "--base-url", help="a running sandbox server; by default its own is started"
    )
    parser.add_argument("--admin", default="admin", help="user name of the server's admin")
    options = parser.parse_args(arguments)
    console = Console()
    narrator = Narrator(console)
    try:
        with (
            server_at(options.base_url) as server,
            closing(ApiClient(server.base_url, watch=narrator.hear)) as client,
        ):
            console.print(f"A sandbox server at {server.base_url}; API pages at /docs.")
            admin = by_password(options.admin, server.admin_password)
            now = clock_of(client, admin)
            cast = set_the_stage(client, admin, uuid.uuid4().hex[:8], now())
            proved = Story(client, cast, narrator, now).tell()
    except (LookupError, NotReady, Refused, Unreachable) as problem:
        console.print(f"[red]{type(problem).__name__}[/red]: {problem}")
        return 2
    return 0 if proved else 1


if __name__ == "__main__":
    sys.exit(main())
