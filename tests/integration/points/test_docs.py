"""The worked numbers of ``docs/ledger.md`` are what the service does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from shared.clock import rfc3339
from shared.contracts.points import expiry
from tests.integration.points.desk import Desk, line
from tests.integration.points.test_adjustments import adjust
from tests.integration.points.test_pooling import found, pool
from tests.integration.points.test_transfers import expiring

DOCUMENT = Path(__file__).parents[3] / "docs" / "ledger.md"
STEPS, LOTS = "| step |", "| lot of |"
Rows = list[list[str]]


def stories() -> Iterator[tuple[str, Rows, Rows]]:
    """Yield each story of the document: its heading, its steps, and the lots at its end."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for section in re.split(r"^#{2,3} ", text, flags=re.MULTILINE)[1:]:
        steps, lots = _table(section, STEPS), _table(section, LOTS)
        if steps:
            yield section.splitlines()[0], steps, lots


def _table(section: str, head: str) -> Rows:
    _, found, rest = section.partition(head)
    rows = rest.split("\n\n")[0].splitlines()[2:] if found else []
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


STORIES = {heading: (steps, lots) for heading, steps, lots in stories()}


class Teller:
    """Does what a step says to the points of one member."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.member = uuid4()
        self._told = 0

    def do(self, step: str) -> None:
        """Do one step, and whatever the time makes due."""
        for pattern, act in _STEPS.items():
            said = re.fullmatch(pattern, step)
            if said:
                act(self, *said.groups())
                self.desk.service.due_work()
                return
        raise AssertionError(f"no such step: {step}")

    def sell(self, sale_id: str, prices: str, pieces: str | None) -> None:
        """Sell lines of these prices."""
        lines = [
            line(str(place), _minor(price), quantity=int(pieces or 1))
            for place, price in enumerate(prices.split(), start=1)
        ]
        self.desk.sell(member=self.member, sale_id=sale_id, lines=lines)

    def spend(self, points: str, sale_id: str) -> None:
        """Pay with points, for something that earns none."""
        gift = [line("1", 1_000_000, kind="gift_card")]
        self.desk.sell(
            lines=gift, member=self.member, points_to_redeem=int(points), sale_id=sale_id
        )

    def give_back(self, sale_id: str, line_id: str, price: str) -> None:
        """Return a piece of a line."""
        self.desk.give_back(sale_id, {line_id: (1, _minor(price))})

    def cancel(self, sale_id: str) -> None:
        """Undo a sale."""
        self.desk.cancel(sale_id)

    def wait(self, days: str) -> None:
        """Let days pass."""
        self.desk.clock.advance(days=int(days))

    def wait_until(self, local: str) -> None:
        """Let time pass until it is so late where the programme is."""
        zone = self.desk.service.programme.time_zone
        self.desk.clock.move_to(datetime.fromisoformat(local).replace(tzinfo=zone))

    def change_terms(self, months: str, days: str | None) -> None:
        """Let points last otherwise, from so many days on."""
        begins = self.desk.clock.now() + timedelta(days=int(days or 0))
        draft = {
            "months": int(months),
            "round_to": "month_end",
            "effective_from": rfc3339(begins),
            "force": days is not None,
            "reason": "told in the document",
        }
        self.desk.call(expiry.ANNOUNCE_EXPIRY_CHANGE, draft)

    def journal(self) -> str:
        """Return what has been posted since the last look, as the document writes it."""
        rows = self.desk.database.query(
            "SELECT t.number, t.type, string_agg(p.debit || ' → ' || p.credit || ' ' || p.points,"
            " ', ' ORDER BY p.seq) AS moves FROM transactions t JOIN postings p"
            " USING (member_id, number) WHERE t.member_id = :member AND t.number > :told"
            " GROUP BY t.number, t.type ORDER BY t.number",
            member=self.member,
            told=self._told,
        )
        self._told += len(rows)
        return "; ".join(f"{row.type}: {row.moves}" for row in rows)

    def lots(self) -> Rows:
        """Return the member's lots by expiry."""
        rows = self.desk.database.query(
            "SELECT sale_id, points, remaining, expires_at FROM lots WHERE member_id = :member"
            " ORDER BY expires_at, activated_at",
            member=self.member,
        )
        last_day = self.desk.service.programme.last_usable_day
        return [
            [
                row.sale_id or "none",
                str(row.points),
                str(row.remaining),
                f"{last_day(row.expires_at)}",
            ]
            for row in rows
        ]


_STEPS: dict[str, Callable[..., None]] = {
    r"sell (\w+) ([\d. ]+?)(?: by (\d+))?": Teller.sell,
    r"spend (\d+) in (\w+)": Teller.spend,
    r"return (\w+) line (\w+) ([\d.]+)": Teller.give_back,
    r"cancel (\w+)": Teller.cancel,
    r"wait (\d+) days": Teller.wait,
    r"wait until ([\d: -]+)": Teller.wait_until,
    r"terms (\d+) months(?: in (\d+) days)?": Teller.change_terms,
}


def _minor(price: str) -> int:
    whole, _, cents = price.partition(".")
    return int(whole) * 100 + int(cents)


def _balances(desk: Desk, member: UUID) -> dict[str, Any]:
    found: dict[str, Any] = desk.points(member)["balances"]
    return found


def _lots(desk: Desk, cell: str) -> list[tuple[int, str]]:
    """Return lots as the document names them: points, and the instant after their last day."""
    zone, year = desk.service.programme.time_zone, desk.clock.now().year
    return [
        (int(points), rfc3339(_midnight_after(f"{day} {year}", zone)))
        for points, day in re.findall(r"(\d+) until (\d+ \w+)", cell)
    ]


def _midnight_after(day: str, zone: ZoneInfo) -> datetime:
    last_day = datetime.strptime(day, "%d %b %Y").replace(tzinfo=zone)
    return (last_day + timedelta(days=1)).astimezone(UTC)


@pytest.mark.rule("L10")
def test_worked_numbers_of_pooling_are_true(desk: Desk) -> None:
    _, _, section = DOCUMENT.read_text(encoding="utf-8").partition("## Households pool points")
    wanted = re.search(r"gives of (\d+)", section)
    assert wanted
    rows = _table(section, "| member | lots |")
    owner, *others = sorted(uuid4() for _ in range(len(rows) + 1))
    for member, (_, lots, _, _) in zip(others, rows, strict=True):
        for points, expires_at in _lots(desk, lots):
            adjust(desk, member, points, expires_at=expires_at)
    pooled = pool(desk, found(desk, owner, *others), points=int(wanted[1]))
    given = {each["from_member_id"]: each["points"] for each in pooled["transfers"]}
    assert given == {
        str(member): int(gives) for member, (_, _, gives, _) in zip(others, rows, strict=True)
    }
    for member, (_, _, _, keeps) in zip(others, rows, strict=True):
        assert expiring(desk, member) == _lots(desk, keeps)


def test_document_tells_stories() -> None:
    assert len(STORIES) >= 7


@pytest.mark.rule("L1", "L3", "L4", "L6", "L12", "S1", "S3", "S4")
@pytest.mark.parametrize("heading", STORIES)
def test_worked_numbers_are_true(desk: Desk, heading: str) -> None:
    steps, lots = STORIES[heading]
    teller = Teller(desk)
    for step, available, debt, journal in steps:
        teller.do(step.strip("`"))
        balances = _balances(desk, teller.member)
        found = [str(balances["available"]), str(balances["debt"]), teller.journal()]
        assert found == [available, debt, journal], step
    if lots:
        assert teller.lots() == lots
    assert desk.verify()["ok"]
