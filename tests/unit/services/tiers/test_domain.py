from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.tiers import domain
from services.tiers.domain import Level, Programme, Progress, Refund, Sale

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
PROGRAMME = Programme(
    version=1,
    name="Default programme",
    window_months=12,
    review_months=12,
    grace_days=30,
    effective_from=LONG_AGO,
    levels=(
        Level("BRONZE", "Bronze", 0, 0, "1"),
        Level("SILVER", "Silver", 1, 1_000, "1.1"),
        Level("GOLD", "Gold", 2, 5_000, "1.25"),
        Level("PLATINUM", "Platinum", 3, 20_000, "1.5"),
    ),
)


def at(day: float) -> datetime:
    return START + timedelta(days=day)


def sale(sale_id: str, day: float, yuan: int, *refunds: tuple[float, int]) -> Sale:
    back = tuple(Refund(at(when), total * 100) for when, total in refunds)
    return Sale(sale_id, at(day), yuan * 100, back)


@pytest.mark.rule("T1")
@pytest.mark.parametrize(
    ("payable_minor", "refunded_minor", "points"),
    [(99, 0, 0), (100, 0, 1), (199, 0, 1), (10_050, 51, 99), (10_050, 50, 100), (500, 600, 0)],
)
def test_qualifying_points_are_whole_units_kept_and_never_negative(
    payable_minor: int, refunded_minor: int, points: int
) -> None:
    assert domain.qualifying_points(payable_minor, refunded_minor) == points


@pytest.mark.rule("T1")
@pytest.mark.parametrize(
    ("have", "code"),
    [
        (0, "BRONZE"), (999, "BRONZE"), (1_000, "SILVER"), (4_999, "SILVER"), (5_000, "GOLD"),
        (19_999, "GOLD"), (20_000, "PLATINUM"), (10**9, "PLATINUM"),
    ],
)  # fmt: skip
def test_threshold_itself_reaches_the_level(have: int, code: str) -> None:
    assert PROGRAMME.reached(have).code == code


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
    assert domain.add_months(day, months) == expected


@pytest.mark.rule("T2")
def test_window_is_exact_to_the_instant() -> None:
    now = datetime(2027, 3, 1, 6, 30, tzinfo=UTC)
    start = domain.window_start(now, 12, SHANGHAI)
    assert start == datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
    counted = Sale("a", start + timedelta(microseconds=1), 100)
    left = Sale("b", start, 100)
    assert domain.have_now([counted, left], after=start) == 1


@pytest.mark.rule("T2")
def test_window_starts_at_the_same_local_time_across_a_clock_change() -> None:
    # In 2026 New York put its clocks forward on 8 March, in 2027 on 14 March.
    now = datetime(2027, 3, 10, 12, tzinfo=ZoneInfo("America/New_York"))
    start = domain.window_start(now, 12, ZoneInfo("America/New_York"))
    assert start == datetime(2026, 3, 10, 12, tzinfo=ZoneInfo("America/New_York"))
    assert now - start == timedelta(days=365, hours=1)


@pytest.mark.rule("T3")
def test_review_day_is_a_local_date() -> None:
    late = datetime(2026, 3, 1, 17, tzinfo=UTC)  # already 2 March in Shanghai
    assert domain.review_day(late, 12, SHANGHAI) == date(2027, 3, 2)


@pytest.mark.rule("T3")
def test_rise_names_the_sale_that_reached_the_highest_level() -> None:
    sales = [sale("c", 3, 4_000), sale("a", 1, 999), sale("b", 2, 1)]
    way = domain.course(sales, after=LONG_AGO)
    assert way == [
        Progress(at(1), "a", 999),
        Progress(at(2), "b", 1_000),
        Progress(at(3), "c", 5_000),
    ]
    assert domain.rise(PROGRAMME, 0, way) == (PROGRAMME.level("GOLD"), way[2])
    assert domain.rise(PROGRAMME, 2, way) is None
    assert domain.rise(PROGRAMME, 0, []) is None


@pytest.mark.rule("T3")
def test_refund_counts_from_its_own_instant_on() -> None:
    before = [sale("a", 1, 600, (2, 600)), sale("b", 3, 600)]
    assert max(step.have for step in domain.course(before, after=LONG_AGO)) == 600
    after = [sale("a", 1, 600, (4, 600)), sale("b", 3, 600)]
    assert max(step.have for step in domain.course(after, after=LONG_AGO)) == 1_200
    assert domain.have_now(before, after=LONG_AGO) == 600
    assert domain.have_now(after, after=LONG_AGO) == 600


@pytest.mark.rule("T3")
def test_refund_at_the_instant_of_its_sale_comes_after_it() -> None:
    way = domain.course([sale("a", 1, 1_000, (1, 1_000))], after=LONG_AGO)
    assert [step.have for step in way] == [1_000]


def test_smaller_total_told_later_takes_nothing_back() -> None:
    sales = [sale("a", 1, 1_000, (2, 500), (3, 300)), sale("b", 4, 100)]
    assert domain.course(sales, after=LONG_AGO)[-1].have == 600
    assert domain.have_now(sales, after=LONG_AGO) == 600


@pytest.mark.rule("T2")
def test_sale_outside_the_window_counts_neither_way() -> None:
    sales = [sale("old", 1, 5_000, (9, 5_000)), sale("new", 5, 10)]
    assert domain.have_now(sales, after=at(1)) == 10
    assert [step.have for step in domain.course(sales, after=at(1))] == [10]
