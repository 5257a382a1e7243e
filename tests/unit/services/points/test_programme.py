from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.points.domain.programme import LotTerms, Programme

SHANGHAI = Programme(ZoneInfo("Asia/Shanghai"), "CNY")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.rule("L4")
@pytest.mark.parametrize(
    ("earned_at", "expires_at"),
    [
        ("2026-03-10T04:00:00Z", "2027-04-01T00:00:00+08:00"),
        ("2026-01-29T12:00:00+08:00", "2027-02-01T00:00:00+08:00"),
        ("2026-01-30T12:00:00+08:00", "2027-02-01T00:00:00+08:00"),
        ("2026-01-31T12:00:00+08:00", "2027-02-01T00:00:00+08:00"),
        ("2026-02-28T12:00:00+08:00", "2027-03-01T00:00:00+08:00"),
        ("2027-02-28T12:00:00+08:00", "2028-03-01T00:00:00+08:00"),
        ("2028-02-29T12:00:00+08:00", "2029-03-01T00:00:00+08:00"),
        ("2026-11-30T12:00:00+08:00", "2027-12-01T00:00:00+08:00"),
        ("2026-12-31T12:00:00+08:00", "2028-01-01T00:00:00+08:00"),
        # Still February in UTC, March where the programme is.
        ("2026-02-28T16:00:00Z", "2027-04-01T00:00:00+08:00"),
        ("2026-02-28T15:59:59Z", "2027-03-01T00:00:00+08:00"),
    ],
)
def test_points_lapse_at_the_end_of_the_month_a_year_on(earned_at: str, expires_at: str) -> None:
    assert SHANGHAI.expiry_of(at(earned_at)) == at(expires_at)


@pytest.mark.rule("L4")
@pytest.mark.parametrize(
    ("months", "round_to", "earned_at", "expires_at"),
    [
        (1, "day", "2026-01-28T12:00:00+08:00", "2026-03-01T00:00:00+08:00"),
        (1, "day", "2026-01-29T12:00:00+08:00", "2026-03-01T00:00:00+08:00"),
        (1, "day", "2026-01-30T12:00:00+08:00", "2026-03-01T00:00:00+08:00"),
        (1, "day", "2026-01-31T12:00:00+08:00", "2026-03-01T00:00:00+08:00"),
        (1, "day", "2028-01-28T12:00:00+08:00", "2028-02-29T00:00:00+08:00"),
        (1, "day", "2028-01-29T12:00:00+08:00", "2028-03-01T00:00:00+08:00"),
        (1, "day", "2028-01-31T12:00:00+08:00", "2028-03-01T00:00:00+08:00"),
        (12, "day", "2028-02-29T12:00:00+08:00", "2029-03-01T00:00:00+08:00"),
        (3, "day", "2026-08-31T12:00:00+08:00", "2026-12-01T00:00:00+08:00"),
        (6, "day", "2026-03-10T23:59:59.999999+08:00", "2026-09-11T00:00:00+08:00"),
        (0, "day", "2026-03-10T12:00:00+08:00", "2026-03-11T00:00:00+08:00"),
        (0, "month_end", "2026-03-10T12:00:00+08:00", "2026-04-01T00:00:00+08:00"),
        (24, "month_end", "2026-02-10T12:00:00+08:00", "2028-03-01T00:00:00+08:00"),
        (0, "year_end", "2026-03-10T12:00:00+08:00", "2027-01-01T00:00:00+08:00"),
        (12, "year_end", "2026-03-10T12:00:00+08:00", "2028-01-01T00:00:00+08:00"),
        (1, "year_end", "2026-12-31T12:00:00+08:00", "2028-01-01T00:00:00+08:00"),
    ],
)
def test_terms_of_a_rule_decide_when_its_points_lapse(
    months: int, round_to: str, earned_at: str, expires_at: str
) -> None:
    terms = LotTerms(months, round_to)
    assert SHANGHAI.expiry_of(at(earned_at), terms) == at(expires_at)


@pytest.mark.rule("L4")
@pytest.mark.parametrize(
    ("zone", "earned_at", "expires_at"),
    [
        # The last usable day has 23 hours, and 25.
        ("Europe/Berlin", "2026-02-28T23:30:00Z", "2026-04-01T22:00:00Z"),
        ("Europe/Berlin", "2026-02-27T23:30:00Z", "2026-03-28T23:00:00Z"),
        ("Europe/Berlin", "2026-02-28T12:00:00Z", "2026-03-28T23:00:00Z"),
        ("Europe/Berlin", "2026-09-25T12:00:00Z", "2026-10-25T23:00:00Z"),
        # The day after the last usable one begins at 01:00; the last usable one begins twice.
        ("America/Asuncion", "2023-08-30T12:00:00Z", "2023-10-01T04:00:00Z"),
        ("America/Havana", "2026-10-01T12:00:00Z", "2026-11-02T05:00:00Z"),
    ],
)
def test_points_last_to_the_end_of_the_day_when_clocks_change(
    zone: str, earned_at: str, expires_at: str
) -> None:
    programme = Programme(ZoneInfo(zone), "EUR")
    assert programme.expiry_of(at(earned_at), LotTerms(1, "day")) == at(expires_at)


def test_terms_of_a_hundred_years_are_the_longest() -> None:
    assert LotTerms(1200, "day").last_day(date(2026, 3, 10)) == date(2126, 3, 10)


@pytest.mark.parametrize(("months", "round_to"), [(-1, "day"), (1201, "day"), (1, "week")])
def test_terms_no_calendar_holds_are_refused(months: int, round_to: str) -> None:
    with pytest.raises(ValueError, match="no terms of a lot"):
        LotTerms(months, round_to)


@pytest.mark.rule("L4")
@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        # Clocks go forward at 02:00 on that day: midnight is still winter time.
        ("Europe/Berlin", date(2026, 3, 29), "2026-03-28T23:00:00Z"),
        ("Europe/Berlin", date(2026, 3, 30), "2026-03-29T22:00:00Z"),
        ("Europe/Berlin", date(2026, 10, 25), "2026-10-24T22:00:00Z"),
        ("Europe/Berlin", date(2026, 10, 26), "2026-10-25T23:00:00Z"),
        # 00:00 to 01:00 does not exist: the day begins at 01:00.
        ("America/Asuncion", date(2023, 10, 1), "2023-10-01T04:00:00Z"),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00:00Z"),
        # 00:00 to 01:00 happens twice: the day begins with the first.
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00:00Z"),
    ],
)
def test_day_starts_with_its_first_instant_when_clocks_change(
    zone: str, day: date, start: str
) -> None:
    programme = Programme(ZoneInfo(zone), "EUR")
    assert programme.start_of_day(day) == at(start)
    assert programme.local_date(at(start)) == day
    assert programme.last_usable_day(at(start)) < day


@pytest.mark.rule("L4")
def test_last_usable_day_is_the_day_that_ends() -> None:
    assert SHANGHAI.last_usable_day(at("2027-04-01T00:00:00+08:00")) == date(2027, 3, 31)
    assert SHANGHAI.last_usable_day(at("2027-03-31T12:00:00+08:00")) == date(2027, 3, 31)
    tick = at("2027-04-01T00:00:00.000001+08:00")
    assert SHANGHAI.last_usable_day(tick) == date(2027, 4, 1)


@pytest.mark.rule("L5")
@pytest.mark.parametrize(("actor", "minutes"), [("terminal", 15), ("partner", 30), ("staff", 30)])
def test_hold_of_a_till_is_the_shortest(actor: str, minutes: int) -> None:
    assert SHANGHAI.hold_ttl(actor) == timedelta(minutes=minutes)
