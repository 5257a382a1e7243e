from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.tiers.domain.programme import (
    Window,
    add_months,
    in_force,
    local_day,
    review_day,
    successor,
    window_start,
)
from tests.unit.services.tiers.programmes import LONG_AGO, SHANGHAI, at, programme

NEW_YORK = ZoneInfo("America/New_York")
TICK = timedelta(microseconds=1)


@pytest.mark.rule("T1")
@pytest.mark.parametrize(
    ("have", "code"),
    [
        (0, "BRONZE"), (999, "BRONZE"), (1_000, "SILVER"), (4_999, "SILVER"), (5_000, "GOLD"),
        (19_999, "GOLD"), (20_000, "PLATINUM"), (10**9, "PLATINUM"),
    ],
)  # fmt: skip
def test_threshold_itself_reaches_the_level(have: int, code: str) -> None:
    assert programme().reached(have).code == code


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 3, 31), -12, date(2025, 3, 31)),
        (date(2028, 2, 29), -12, date(2027, 2, 28)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
    ],
)
def test_months_keep_the_day_or_end_with_the_month(day: date, months: int, expected: date) -> None:
    assert add_months(day, months) == expected


@pytest.mark.rule("T2")
def test_rolling_window_starts_at_the_same_local_time_across_a_clock_change() -> None:
    # In 2026 New York put its clocks forward on 8 March, in 2027 on 14 March.
    now = datetime(2027, 3, 10, 12, tzinfo=NEW_YORK)
    start = window_start(now, 12, NEW_YORK)
    assert start == datetime(2026, 3, 10, 12, tzinfo=NEW_YORK)
    assert now - start == timedelta(days=365, hours=1)


@pytest.mark.rule("T2")
@pytest.mark.parametrize(
    ("window", "now", "first_counted"),
    [
        # 16:00 UTC is midnight in Shanghai.
        ("calendar_year", "2027-05-01T00:00Z", "2026-12-31T16:00Z"),
        ("calendar_year", "2026-12-31T15:59Z", "2025-12-31T16:00Z"),
        ("calendar_year", "2026-12-31T16:00Z", "2026-12-31T16:00Z"),
        ("anniversary", "2027-05-01T00:00Z", "2027-02-27T16:00Z"),
        ("anniversary", "2027-02-27T15:59Z", "2026-02-27T16:00Z"),
        ("anniversary", "2028-02-29T03:00Z", "2028-02-28T16:00Z"),
    ],
)
def test_yearly_windows_begin_at_a_local_midnight(
    window: str, now: str, first_counted: str
) -> None:
    joined = datetime(2024, 2, 29, 3, tzinfo=UTC)  # a leap day
    rules = programme(window=Window(window))
    after = rules.counts_after(datetime.fromisoformat(now), joined, SHANGHAI)
    assert after + TICK == datetime.fromisoformat(first_counted)


@pytest.mark.rule("T2")
def test_review_of_a_yearly_window_looks_back_one_year_more() -> None:
    rules = programme(window=Window("calendar_year"))
    now = datetime(2027, 1, 5, tzinfo=UTC)
    assert local_day(rules.review_counts_after(now, LONG_AGO, SHANGHAI) + TICK, SHANGHAI) == date(
        2026, 1, 1
    )
    rolling = programme()
    assert rolling.review_counts_after(now, LONG_AGO, SHANGHAI) == rolling.counts_after(
        now, LONG_AGO, SHANGHAI
    )


@pytest.mark.rule("T3")
def test_review_day_is_a_local_date() -> None:
    late = datetime(2026, 3, 1, 17, tzinfo=UTC)  # already 2 March in Shanghai
    assert review_day(late, 12, SHANGHAI) == date(2027, 3, 2)


@pytest.mark.rule("T5")
def test_version_is_in_force_from_its_instant_until_the_next_one() -> None:
    versions = (
        programme(1),
        programme(3, effective_from=at(10)),
        programme(2, effective_from=at(20)),
    )
    found = [in_force(versions, at(day)).version for day in (0, 9.99, 10, 19.99, 20, 99)]
    assert found == [1, 1, 3, 3, 2, 2]
    following = successor(versions, 3)
    assert following is not None
    assert following.version == 2
    assert successor(versions, 2) is None


def test_tier_unknown_to_a_version_is_matched_by_rank() -> None:
    rules = programme()
    assert rules.matching("GOLD", 0).rank == 2
    assert rules.matching("DIAMOND", 7).code == "PLATINUM"
    assert rules.matching("DIAMOND", 1).code == "SILVER"
    assert [rules.below(rank).rank for rank in (3, 1, 0)] == [2, 0, 0]
