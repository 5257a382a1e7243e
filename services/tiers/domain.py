"""Tier rules: what counts, since when, and which level it reaches (T1, T3)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

MINOR_PER_POINT = 100
"""Minor units of net spend to a qualifying point (T1)."""


@dataclass(frozen=True, slots=True)
class Level:
    """One tier; ``multiplier`` is a decimal string, since tiers never computes with it."""

    code: str
    name: str
    rank: int
    threshold: int
    multiplier: str


@dataclass(frozen=True, slots=True)
class Programme:
    """A published version: a rolling window of whole months and levels by rising rank."""

    version: int
    name: str
    window_months: int
    review_months: int
    grace_days: int
    effective_from: datetime
    levels: tuple[Level, ...]

    def level(self, code: str) -> Level:
        """Return the level of that code; raises `KeyError`."""
        for level in self.levels:
            if level.code == code:
                return level
        raise KeyError(code)

    def reached(self, have: int) -> Level:
        """Return the highest level whose threshold ``have`` reaches."""
        return [level for level in self.levels if level.threshold <= have][-1]

    def above(self, rank: int) -> Level | None:
        """Return the next level up, if there is one."""
        return next((level for level in self.levels if level.rank > rank), None)


@dataclass(frozen=True, slots=True)
class Refund:
    """What had been refunded of a sale at an instant, in minor units, cumulative."""

    occurred_at: datetime
    refunded_total_minor: int


@dataclass(frozen=True, slots=True)
class Sale:
    """A member's sale and what came back of it."""

    sale_id: str
    occurred_at: datetime
    payable_minor: int
    refunds: tuple[Refund, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """What a member had once ``sale_id`` was made."""

    at: datetime
    sale_id: str
    have: int


def qualifying_points(payable_minor: int, refunded_minor: int = 0) -> int:
    """Return what a sale contributes after returns, never below 0 (§11)."""
    return max(payable_minor - refunded_minor, 0) // MINOR_PER_POINT


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


def review_day(since: datetime, months: int, zone: tzinfo) -> date:
    """Return the local date of the first review after a change of tier (T3)."""
    return add_months(since.astimezone(zone).date(), months)


def have_now(sales: Iterable[Sale], *, after: datetime) -> int:
    """Return the progress that counts: sales later than ``after``, less all that came back."""
    return sum(
        qualifying_points(
            sale.payable_minor, max((r.refunded_total_minor for r in sale.refunds), default=0)
        )
        for sale in sales
        if sale.occurred_at > after
    )


def course(sales: Iterable[Sale], *, after: datetime) -> list[Progress]:
    """Return the progress after each sale in the window, in the order things happened.

    A refund lowers it from its own instant on. So a return whose news overtook that of earlier
    sales takes nothing from what these had reached before it.
    """
    counted = {sale.sale_id: sale for sale in sales if sale.occurred_at > after}
    sold, refunded = 0, 1  # at one instant the sale comes first: it was made to be returned
    steps = [(sale.occurred_at, sold, sale.sale_id, 0) for sale in counted.values()]
    steps += [
        (max(r.occurred_at, sale.occurred_at), refunded, sale.sale_id, r.refunded_total_minor)
        for sale in counted.values()
        for r in sale.refunds
    ]
    back = dict.fromkeys(counted, 0)
    have, way = 0, []
    for at, kind, sale_id, total_minor in sorted(steps):
        payable_minor = counted[sale_id].payable_minor
        if kind == sold:
            have += qualifying_points(payable_minor)
            way.append(Progress(at, sale_id, have))
            continue
        before, back[sale_id] = back[sale_id], max(back[sale_id], total_minor)
        have += qualifying_points(payable_minor, back[sale_id])
        have -= qualifying_points(payable_minor, before)
    return way


def rise(programme: Programme, rank: int, way: Sequence[Progress]) -> tuple[Level, Progress] | None:
    """Return the highest level above ``rank`` that was reached, and by which step (T3)."""
    if not way:
        return None
    level = programme.reached(max(step.have for step in way))
    if level.rank <= rank:
        return None
    return level, next(step for step in way if step.have >= level.threshold)
