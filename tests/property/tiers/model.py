"""A naive model of a member's tier: walks from day to day and counts all facts anew each time.

It shares no code with the service, knows nothing of windows that slide or of judgements kept, and
is slow; that is what makes it worth comparing with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
CODES = ("BRONZE", "SILVER", "GOLD", "PLATINUM")
THRESHOLDS = (0, 1_000, 5_000, 20_000)
GRACE = timedelta(days=30)


@dataclass(frozen=True)
class Back:
    """What had come back of a sale at an instant."""

    at: datetime
    total_minor: int


@dataclass(frozen=True)
class Bought:
    """A sale and all that ever came back of it."""

    at: datetime
    payable_minor: int
    backs: tuple[Back, ...]


@dataclass(frozen=True)
class Lift:
    """An override: a floor between two instants."""

    rank: int
    starts_at: datetime
    ends_at: datetime


@dataclass
class Tier:
    """What the model says of a member."""

    rank: int
    since: datetime
    review_on: date
    in_grace: bool = False

    @property
    def grace_until(self) -> date | None:
        """Return the end of a grace, if there is one."""
        return self.review_on + GRACE if self.in_grace else None


def year_later(day: date) -> date:
    """Return the same day a year later; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)


def year_before(at: datetime) -> datetime:
    """Return the same local time a year before."""
    local = at.astimezone(ZONE)
    try:
        return local.replace(year=local.year - 1)
    except ValueError:
        return local.replace(year=local.year - 1, day=28)


def have(facts: Sequence[Bought], at: datetime, *, inclusive: bool) -> int:
    """Count what counts at an instant, from nothing but the facts until then."""

    def is_known(when: datetime) -> bool:
        return when <= at if inclusive else when < at

    total = 0
    for bought in facts:
        if is_known(bought.at) and bought.at > year_before(at):
            back = [b.total_minor for b in bought.backs if is_known(max(b.at, bought.at))]
            total += (bought.payable_minor - max(back, default=0)) // 100
    return total


def reached(points: int) -> int:
    """Return the rank for so many points."""
    return sum(points >= threshold for threshold in THRESHOLDS[1:])


def midnight(day: date) -> datetime:
    """Return the first instant of a local day."""
    return datetime.combine(day, time(0), ZONE).astimezone(UTC)


def earned(facts: Sequence[Bought], began_at: datetime, now: datetime) -> Tier:
    """Return what a member has earned at ``now``."""
    first = began_at.astimezone(ZONE).date()
    tier = Tier(0, began_at, year_later(first))
    days = (now.astimezone(ZONE).date() - first).days + 1
    moments: list[tuple[datetime, int]] = [
        (midnight(first + timedelta(days=day)), 0) for day in range(1, days)
    ]
    moments += [(max(bought.at, began_at), 1) for bought in facts]
    for at, kind in sorted(moments):
        local = at.astimezone(ZONE).date()
        if kind == 0:
            _end_day(tier, facts, at, local - timedelta(days=1))
        else:
            points = have(facts, at, inclusive=True)
            if reached(points) > tier.rank:
                tier.__init__(reached(points), at, year_later(local))  # type: ignore[misc]
            elif tier.in_grace and points >= THRESHOLDS[tier.rank]:
                tier.in_grace, tier.review_on = False, year_later(local)
    return tier


def _end_day(tier: Tier, facts: Sequence[Bought], at: datetime, day: date) -> None:
    """Review at the end of the day, or end a grace."""
    if day == tier.review_on and not tier.in_grace:
        if have(facts, at, inclusive=False) >= THRESHOLDS[tier.rank]:
            tier.review_on = year_later(day)
        else:
            tier.in_grace = True
    elif tier.in_grace and day == tier.grace_until:
        tomorrow = at.astimezone(ZONE).date()
        tier.__init__(tier.rank - 1, at, year_later(tomorrow))  # type: ignore[misc]


def shown(tier: Tier, lifts: Sequence[Lift], now: datetime) -> tuple[int, str]:
    """Return the rank a member has and what it is owed to."""
    floor = max((lift.rank for lift in lifts if lift.starts_at <= now < lift.ends_at), default=0)
    return (floor, "override") if floor > tier.rank else (tier.rank, "earned")
