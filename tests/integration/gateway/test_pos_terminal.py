"""The reference till, against the platform behind a line that breaks (S5)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.client import ApiClient, Refused, by_secret
from examples.pos_terminal import QUEUED, Journal, PointsDeclined, Till
from tests.support.platform import Platform

PHONE = "+8613800138000"
MEMBER = {"type": "phone", "value": PHONE}
ROOT = Path(__file__).resolve().parents[3]


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


@dataclass
class Line(httpx.BaseTransport):
    """The way to the platform: up, down, or losing answers."""

    way: httpx.BaseTransport
    is_up: bool = True
    loses_answers: bool = False
    step: Callable[[], None] = lambda: None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Hand on, or not."""
        self.step()
        if not self.is_up:
            raise httpx.ConnectError("the line is down")
        response = self.way.handle_request(request)
        response.read()
        self.step()
        if self.loses_answers:
            raise httpx.ReadError("the answer is lost")
        return response


@dataclass
class Counter:
    """A store with a till, whose memory outlives the till's process."""

    platform: Platform
    path: Path
    name: str = "t-1"
    credentials: dict[str, str] = field(init=False)
    line: Line = field(init=False)
    till: Till = field(init=False)

    def __post_init__(self) -> None:
        """Set it up."""
        admin = self.platform.admin()
        store = {"store_id": "s-1", "name": "Nanjing", "time_zone": "Asia/Shanghai"}
        admin.request("POST", "/v1/stores", store)
        terminal = {"terminal_id": self.name, "store_id": "s-1"}
        self.credentials = admin.post("/v1/terminals", terminal)
        self.line = Line(httpx.WSGITransport(app=self.platform.app))
        self.start()

    def start(self) -> None:
        """Switch the till on."""
        client = ApiClient("http://platform", transport=self.line, sleep=lambda _: None, attempts=1)
        login = by_secret(self.credentials["client_id"], self.credentials["client_secret"])
        self.till = Till(client, login, Journal(self.path), self.name, now=self.now)

    def now(self) -> datetime:
        """Tell the time; the till asks for it while it writes a sale down."""
        self.line.step()
        return self.platform.now()

    def restart(self) -> None:
        """Switch it on again after whatever ended it."""
        self.till.journal.close()
        self.start()

    def enrol(self) -> str:
        """Enrol the member at a till; returns its id."""
        till = self.platform.login(grant_type="client_credentials", **{
            name: self.credentials[name] for name in ("client_id", "client_secret")
        })  # fmt: skip
        made = till.post("/v1/members", {"phone": PHONE, "channel": "store"})
        self.platform.settle()
        return str(made["member_id"])

    def points(self) -> dict[str, int]:
        """Return the member's balances."""
        person = self.platform.shopper(PHONE)
        balances: dict[str, int] = person.get("/v1/members/me/points")["balances"]
        return balances

    def recorded(self) -> list[tuple[str, int, int]]:
        """Return the sales that points has: id, counter, points redeemed."""
        rows = self.platform.databases["points"].query(
            "SELECT sale_id, terminal_counter, points_redeemed FROM sales"
            " WHERE recorded_by = :till ORDER BY terminal_counter",
            till=f"terminal:{self.name}",
        )
        return [tuple(row) for row in rows]

    def exceptions(self) -> list[str]:
        """Return the kinds of what staff has to look at of this till."""
        path = f"/v1/pos/exceptions?status=open&terminal_id={self.name}"
        return [each["kind"] for each in self.platform.staff("support").get(path)["items"]]


def goods(net_minor: int = 10_000) -> list[dict[str, Any]]:
    return [{"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": net_minor}]


@pytest.fixture
def counter(platform: Platform, tmp_path: Path) -> Counter:
    lending = platform.services["points"]
    lending.settings = replace(lending.settings, offline_allowance_points=300)
    return Counter(platform, tmp_path / "till.db")


@pytest.mark.rule("S5")
def test_till_sells_on_while_the_platform_is_away(counter: Counter) -> None:
    counter.enrol()
    assert counter.till.sell(goods(), MEMBER).answer is not None
    counter.line.is_up = False
    for _ in range(3):
        assert counter.till.sell(goods(), MEMBER).answer is None
    counter.platform.advance_clock(hours=20)
    counter.restart()
    counter.line.is_up = True
    assert counter.till.drain() == 3
    assert counter.till.drain() == 0
    assert counter.points()["available"] == 400
    assert [number for _, number, _ in counter.recorded()] == [1, 2, 3, 4]
    assert counter.exceptions() == []


@pytest.mark.rule("S5")
def test_sale_whose_answer_was_lost_counts_once(counter: Counter) -> None:
    counter.enrol()
    assert counter.till.sell(goods(), MEMBER).answer is not None
    counter.line.loses_answers = True
    assert counter.till.sell(goods(), MEMBER).answer is None
    counter.line.loses_answers = False
    assert counter.till.sell(goods(), MEMBER).answer is not None  # posts the other one first
    assert counter.till.journal.queued() == []
    assert (counter.points()["available"], counter.exceptions()) == (300, [])


@pytest.mark.rule("S5")
def test_points_pay_offline_what_the_allowance_covers(counter: Counter) -> None:
    counter.enrol()
    counter.till.sell(goods(90_000), MEMBER)
    assert counter.till.fetch_allowance(MEMBER) == 300
    counter.line.is_up = False
    assert counter.till.sell(goods(), MEMBER, 200).answer is None
    counter.restart()
    with pytest.raises(PointsDeclined):
        counter.till.sell(goods(), MEMBER, 150)
    assert counter.till.sell(goods(), MEMBER, 100).answer is None
    counter.platform.advance_clock(hours=5)
    counter.line.is_up = True
    counter.till.drain()
    assert [redeemed for _, _, redeemed in counter.recorded()] == [0, 200, 100]
    ((body, reason),) = counter.till.rejected()
    assert body["points_to_redeem"] == 150
    assert reason["error"]["code"] == "offline_allowance_exceeded"
    assert counter.exceptions() == ["over_allowance"]
    assert counter.points()["available"] == 900 - 300 + 98 + 99


@pytest.mark.rule("S5")
def test_what_comes_too_late_is_kept_for_staff(counter: Counter) -> None:
    counter.line.is_up = False
    counter.till.sell(goods())
    counter.platform.advance_clock(hours=73)
    counter.till.sell(goods())
    counter.line.is_up = True
    assert counter.till.drain() == 2
    ((body, reason),) = counter.till.rejected()
    assert (body["sale_id"], reason["error"]["code"]) == ("t-1-1", "sale_too_old")
    assert (counter.exceptions(), len(counter.recorded())) == (["too_old"], 1)


@pytest.mark.rule("S5")
def test_sale_refused_online_did_not_happen(counter: Counter) -> None:
    with pytest.raises(Refused, match="unknown_member"):
        counter.till.sell(goods(), MEMBER)
    assert counter.till.sell(goods()).answer is not None
    assert [sale_id for sale_id, _, _ in counter.recorded()] == ["t-1-2"]
    assert counter.exceptions() == []


class DyingJournal(Journal):
    """A journal whose process may be killed before or after each thing it writes."""

    step: Callable[[], None]


def _dying(name: str) -> Callable[..., Any]:
    def act(self: DyingJournal, *arguments: Any) -> Any:
        self.step()
        done = getattr(Journal, name)(self, *arguments)
        self.step()
        return done

    return act


for _name in ("add", "settle", "keep_allowance", "spend_allowance"):
    setattr(DyingJournal, _name, _dying(_name))


@pytest.mark.rule("S5")
def test_till_killed_at_any_step_loses_nothing_it_told(counter: Counter, tmp_path: Path) -> None:
    """Kill it at its first step, at its second, and so on, until it gets through."""
    counter.enrol()
    counter.till.sell(goods(1_000_000), MEMBER)
    counter.line.is_up = True
    number, is_through = 0, False
    while not is_through:
        number += 1
        counter.platform.advance_clock(hours=97)  # allowances of the till before have ended
        one = Counter(counter.platform, tmp_path / f"{number}.db", f"k-{number}")
        told, is_through = live(one, kill_at=number)
        one.line.is_up = True
        one.line.step = lambda: None
        one.restart()
        one.till.sell(goods())
        one.till.drain()
        recorded = one.recorded()
        assert set(told) <= {sale_id for sale_id, _, _ in recorded}, number
        assert [each[1] for each in recorded] == list(range(1, len(recorded) + 1)), number
        assert one.exceptions() == [], number
        assert sum(redeemed for _, _, redeemed in recorded) <= 300, number
    assert number > 15
    auditor = counter.platform.staff("auditor")
    assert auditor.post("/v1/points/verify", status=200)["ok"]


def live(one: Counter, *, kill_at: int) -> tuple[list[str], bool]:
    """Sell online and offline until killed; returns the receipts given, and whether it lived."""
    steps = iter(range(1, kill_at + 1))

    def step() -> None:
        if next(steps) == kill_at:
            raise Killed

    one.till.journal.close()
    one.start()
    journal = DyingJournal(one.path)
    journal.step = one.line.step = step
    one.till.journal.close()
    one.till.journal = journal
    told: list[str] = []
    try:
        told.append(one.till.sell(goods(), MEMBER).sale_id)
        one.till.fetch_allowance(MEMBER)
        one.line.is_up = False
        told.append(one.till.sell(goods(), MEMBER, 150).sale_id)
        one.line.is_up = True
        one.till.drain()
    except (Killed, StopIteration):
        return told, False
    return told, True


OFFLINE_TILL = """
import sys
from pathlib import Path
from examples.client import ApiClient, by_secret
from examples.pos_terminal import Journal, Till
client = ApiClient("http://127.0.0.1:9", attempts=1, sleep=lambda _: None)
till = Till(client, by_secret("c", "s"), Journal(Path(sys.argv[1])), "t")
line = {"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 100}
while True:
    print(till.sell([line]).sale_id, flush=True)
"""


@pytest.mark.rule("S5")
def test_till_killed_by_the_system_keeps_every_number_it_told(tmp_path: Path) -> None:
    path = tmp_path / "till.db"
    with subprocess.Popen(
        [sys.executable, "-c", OFFLINE_TILL, str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        told += process.stdout.read().split()
    journal = Journal(path)
    kept = [body["sale_id"] for _, body in journal.queued()]
    assert [f"t-{number}" for number in range(1, len(kept) + 1)] == kept
    assert told == kept[: len(told)]
    assert len(told) >= 20
    assert journal.in_state(QUEUED)
    journal.close()
