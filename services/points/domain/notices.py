"""Notices of points about to lapse: 30, 7 and 1 days ahead, in local days (L4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from services.points.domain.programme import Programme

DAYS_AHEAD = (1, 7, 30)
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Whoever's points lapse after one instant and no later than another is told now."""

    days_ahead: int
    after: datetime
    until: datetime


def windows(programme: Programme, previous_day: date | None, today: date) -> Iterator[Window]:
    """Say which points' notices came due since the day of the round before.

    Points may be in several windows, where rounds were missed or there was none: the notice with
    the fewest days is the one that still says something.
    """
    for days in DAYS_AHEAD:
        until = programme.start_of_day(today + (days + 1) * _DAY)
        after = _EARLIEST
        if previous_day is not None:
            after = programme.start_of_day(previous_day + (days + 1) * _DAY)
        yield Window(days, after, until)
