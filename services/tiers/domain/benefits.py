"""Periods in which the uses of a benefit are counted (T6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from services.tiers.domain.floors import EARNED
from services.tiers.domain.machine import grace_until
from services.tiers.domain.programme import (
    Benefit,
    Level,
    Programme,
    add_months,
    local_day,
    start_of,
)
from services.tiers.domain.standing import Standing

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From one instant until another; ``last_day`` is the last local day of it."""

    starts_at: datetime
    ends_at: datetime
    last_day: date


def quota_period(
    per: str, standing: Standing, rules: Programme, now: datetime, zone: tzinfo
) -> Period:
    """Return the running ``month``, ``year`` or ``tier_period``, in local days.

    A tier period runs from the day the tier was reached, or its review passed, to the next review,
    and on through a grace.
    """
    today = local_day(now, zone)
    if per == "month":
        first = today.replace(day=1)
        return _period(first, add_months(first, 1) - _DAY, zone)
    if per == "year":
        return _period(date(today.year, 1, 1), date(today.year, 12, 31), zone)
    earned = standing.earned
    last = grace_until(earned, rules) if earned.in_grace else earned.review_on
    return _period(add_months(earned.review_on, -rules.review_months), last, zone)


def valid_until(standing: Standing, rules: Programme, zone: tzinfo) -> datetime | None:
    """Return until when the tier is certain; None for the entry tier, which nobody loses."""
    if standing.source != EARNED:
        return standing.floor_changes_at
    if standing.earned.rank == rules.entry.rank:
        return None
    return start_of(grace_until(standing.earned, rules) + _DAY, zone)


def benefit_of(level: Level, code: str) -> Benefit | None:
    """Return a level's benefit of that code."""
    return next((benefit for benefit in level.benefits if benefit.code == code), None)


def _period(first: date, last: date, zone: tzinfo) -> Period:
    return Period(start_of(first, zone), start_of(last + _DAY, zone), last)
