from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.points.domain.allowances import Allowance, grantable
from services.points.domain.ledger import Figures, redeem, restore
from services.points.domain.lots import Draw, part_on_credit
from services.points.domain.programme import Programme

NOW = datetime(2026, 3, 10, tzinfo=UTC)
PROGRAMME = Programme(ZoneInfo("Asia/Shanghai"), "CNY", offline_allowance=500)
ONE = Allowance(UUID(int=1), UUID(int=2), "t-1", 300, 100, NOW, NOW + timedelta(hours=24))


@pytest.mark.rule("S5")
@pytest.mark.parametrize(
    ("available", "granted", "points"),
    [
        (1000, [], 500),
        (200, [], 200),
        (0, [], 0),
        (1000, [ONE], 300),
        (300, [ONE], 100),
        (100, [ONE], 0),
        (1000, [replace(ONE, used=300)], 500),
        (1000, [replace(ONE, ended_at=NOW)], 500),
    ],
)
def test_all_tills_together_hold_at_most_limit_and_balance(
    available: int, granted: list[Allowance], points: int
) -> None:
    assert grantable(available, granted, PROGRAMME, NOW) == points


@pytest.mark.rule("S5")
def test_allowance_counts_until_its_last_report_is_due() -> None:
    last = ONE.valid_until + timedelta(hours=72, minutes=5)
    assert ONE.is_outstanding(PROGRAMME, last)
    assert not ONE.is_outstanding(PROGRAMME, last + timedelta(microseconds=1))


@pytest.mark.rule("S5")
def test_allowance_counts_until_its_last_point_is_used() -> None:
    assert replace(ONE, used=299).is_outstanding(PROGRAMME, NOW)
    assert not replace(ONE, used=300).is_outstanding(PROGRAMME, NOW)


@pytest.mark.rule("S5")
@pytest.mark.parametrize(
    ("points", "terminal", "minutes", "covered"),
    [
        (200, "t-1", 0, True),
        (201, "t-1", 0, False),
        (200, "t-2", 0, False),
        (200, "t-1", -5, True),
        (200, "t-1", -6, False),
        (200, "t-1", 24 * 60 + 5, True),
        (200, "t-1", 24 * 60 + 6, False),
    ],
)
def test_allowance_covers_its_terminal_time_and_points(
    points: int, terminal: str, minutes: int, covered: bool
) -> None:
    at = NOW + timedelta(minutes=minutes)
    assert ONE.covers(points, terminal, at, PROGRAMME) is covered


@pytest.mark.rule("S5", "L6")
def test_points_spent_on_credit_are_owed_and_forgiven() -> None:
    owing = Figures(available=30, earned=30).after(redeem(30, 70))
    assert (owing.available, owing.debt, owing.redeemed) == (0, 70, 100)
    back = owing.after(restore(30, 70))
    assert (back.available, back.debt, back.redeemed) == (30, 0, 0)


@pytest.mark.rule("S4", "S5")
@pytest.mark.parametrize(
    ("before", "points", "owed"),
    [(0, 50, 50), (0, 100, 70), (50, 50, 20), (70, 30, 0), (100, 0, 0)],
)
def test_what_was_owed_comes_back_first(before: int, points: int, owed: int) -> None:
    assert part_on_credit([Draw(UUID(int=1), 30)], 100, before, points) == owed
