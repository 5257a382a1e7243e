"""Tier programmes: levels, what counts and since when, review and grace (T1, T2, T5)."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property

_INSTANT = timedelta(microseconds=1)
BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
"""Before all sales."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How often a benefit may be used in a ``month``, a ``year`` or a ``tier_period``."""

    count: int
    per: str


@dataclass(frozen=True, slots=True)
class Benefit:
    """What a tier gives beside its multiplier (T6); without quota it is not counted."""

    code: str
    kind: str
    name: str
    value: int | None = None
    campaign_id: str | None = None
    quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """One tier; ``multiplier`` is a decimal string, since tiers never computes with it."""

    code: str
    name: str
    rank: int
    threshold: int
    multiplier: str
    benefits: tuple[Benefit, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """Which sales count: ``rolling`` months, ``calendar_year``, ``anniversary``, ``lifetime``."""

    type: str
    months: int | None = None


@dataclass(frozen=True)
class Programme:
    """A published version; ``levels`` are in the order of their rank, the entry tier first.

    Thresholds are qualifying points, minor units of spend, or orders, as ``metric`` says.
    """

    version: int
    name: str
    metric: str
    window: Window
    review_months: int
    grace_days: int
    effective_from: datetime
    levels: tuple[Level, ...]

    @cached_property
    def _by_rank(self) -> dict[int, Level]:
        return {level.rank: level for level in self.levels}

    @property
    def entry(self) -> Level:
        """Return the tier everybody starts with."""
        return self.levels[0]

    def level(self, code: str) -> Level:
        """Return the level of that code; raises `KeyError`."""
        for level in self.levels:
            if level.code == code:
                return level
        raise KeyError(code)

    def at_rank(self, rank: int) -> Level:
        """Return the level of that rank; raises `KeyError`."""
        return self._by_rank[rank]

    def matching(self, code: str, rank: int) -> Level:
        """Return the level of that code, else the highest whose rank is not above ``rank``."""
        for level in self.levels:
            if level.code == code:
                return level
        return [level for level in self.levels if level.rank <= rank][-1]

    def reached(self, have: int) -> Level:
        """Return the highest level whose threshold ``have`` reaches."""
        return [level for level in self.levels if level.threshold <= have][-1]

    def above(self, rank: int) -> Level | None:
        """Return the next level up, if there is one."""
        return next((level for level in self.levels if level.rank > rank), None)

    def below(self, rank: int) -> Level:
        """Return the next level down, for the entry tier itself (T3: one level a review)."""
        return next((level for level in reversed(self.levels) if level.rank < rank), self.entry)

    def counts_after(self, at: datetime, began_at: datetime, zone: tzinfo) -> datetime:
        """Return the instant after which sales count at ``at`` (T2); see `window_start`."""
        if self.window.type == "rolling":
            return window_start(at, self.window.months or 0, zone)
        if self.window.type == "lifetime":
            return BEGINNING
        return _year_start(self.window, at, began_at, zone, years_back=0)

    def review_counts_after(self, at: datetime, began_at: datetime, zone: tzinfo) -> datetime:
        """Return the instant after which sales count for keeping a tier.

        A year that has just begun proves nothing, so with yearly windows the year before it counts
        as well.
        """
        if self.window.type in ("rolling", "lifetime"):
            return self.counts_after(at, began_at, zone)
        return _year_start(self.window, at, began_at, zone, years_back=1)


def in_force(programmes: tuple[Programme, ...], at: datetime) -> Programme:
    """Return the version in force; ``programmes`` by rising ``effective_from``, never empty."""
    return next((p for p in reversed(programmes) if p.effective_from <= at), programmes[0])


def rank_of(code: str, programmes: tuple[Programme, ...], at: datetime) -> int:
    """Return the rank of a tier in the latest version that knows it; raises `LookupError`."""
    known = [p for p in programmes if any(level.code == code for level in p.levels)]
    if not known:
        raise LookupError(code)
    return in_force(tuple(known), at).level(code).rank


def successor(programmes: tuple[Programme, ...], version: int) -> Programme | None:
    """Return the version that follows in time, if one is published."""
    versions = [programme.version for programme in programmes]
    place = versions.index(version) + 1
    return programmes[place] if place < len(programmes) else None


def add_months(day: date, months: int) -> date:
    """Return the same day ``months`` later or earlier; the last of a month that is shorter."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def window_start(now: datetime, months: int, zone: tzinfo) -> datetime:
    """Return the instant after which sales count: the same local time ``months`` ago, exactly.

    A sale at that very instant has just left the window.
    """
    local = now.astimezone(zone)
    start = add_months(local.date(), -months)
    return datetime.combine(start, local.timetz()).astimezone(UTC)


def start_of(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of a local day."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def local_day(at: datetime, zone: tzinfo) -> date:
    """Return the local date of an instant."""
    return at.astimezone(zone).date()


def review_day(since: datetime, months: int, zone: tzinfo) -> date:
    """Return the local date of the first review after a change of tier (T3)."""
    return add_months(local_day(since, zone), months)


def _year_start(
    window: Window, at: datetime, began_at: datetime, zone: tzinfo, *, years_back: int
) -> datetime:
    """Return the last instant before the running year, or before one earlier."""
    day = local_day(at, zone)
    first = date(day.year, 1, 1)
    if window.type == "anniversary":
        joined = local_day(began_at, zone)
        first = add_months(joined, 12 * (day.year - joined.year))
        if first > day:
            first = add_months(joined, 12 * (day.year - joined.year - 1))
    return start_of(add_months(first, -12 * years_back), zone) - _INSTANT
