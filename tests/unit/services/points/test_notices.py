from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from services.points.domain.notices import Window, windows
from services.points.domain.programme import Programme

SHANGHAI = Programme(ZoneInfo("Asia/Shanghai"), "CNY")
TODAY = date(2026, 3, 10)


def end_of(year: int, month: int, day: int) -> datetime:
    """Return the instant at which a day ends in Shanghai."""
    return datetime(year, month, day, 16, tzinfo=UTC)


@pytest.mark.rule("L4")
def test_notice_goes_to_what_ends_with_the_day_so_many_days_ahead() -> None:
    assert list(windows(SHANGHAI, date(2026, 3, 9), TODAY)) == [
        Window(1, end_of(2026, 3, 10), end_of(2026, 3, 11)),
        Window(7, end_of(2026, 3, 16), end_of(2026, 3, 17)),
        Window(30, end_of(2026, 4, 8), end_of(2026, 4, 9)),
    ]


@pytest.mark.rule("L4")
def test_missed_rounds_are_made_up_for_without_gap_or_overlap() -> None:
    late = list(windows(SHANGHAI, date(2026, 3, 5), TODAY))
    before = list(windows(SHANGHAI, date(2026, 3, 4), date(2026, 3, 5)))
    assert [window.after for window in late] == [window.until for window in before]


@pytest.mark.rule("L4")
def test_first_round_tells_of_everything_that_lapses_by_then() -> None:
    first = list(windows(SHANGHAI, None, TODAY))
    assert [window.days_ahead for window in first] == [1, 7, 30]
    assert all(window.after.year == 1900 for window in first)
    assert first[0].until == end_of(2026, 3, 11)


@pytest.mark.rule("L4")
def test_second_round_of_a_day_finds_nothing() -> None:
    assert all(each.after == each.until for each in windows(SHANGHAI, TODAY, TODAY))
