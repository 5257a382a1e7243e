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


@dataclass(frozen=True)
class Version:
    """What holds from an instant on: thresholds by rank, months that count, days of grace."""

    starts_at: datetime
    thresholds: tuple[int, ...]
    months: int
    grace_days: int

    def reached(self, points: int) -> int:
        """Return the rank for so many points."""
        return sum(points >= threshold for threshold in self.thresholds[1:])


DEFAULT = Version(datetime(1970, 1, 1, tzinfo=UTC), (0, 1_000, 5_000, 20_000), 12, 30)


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
    rules: Version
    in_grace: bool = False

    @property
    def grace_until(self) -> date | None:
        """Return the end of a grace, if there is one."""
        grace = timedelta(days=self.rules.grace_days)
        return self.review_on + grace if self.in_grace else None

    def renew(self, rank: int, at: datetime) -> None:
        """Take another rank, and a new year with it."""
        self.rank, self.since, self.in_grace = rank, at, False
        self.review_on = year_later(at.astimezone(ZONE).date())


def year_later(day: date) -> date:
    """Return the same day a year later; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)


def months_before(at: datetime, months: int) -> datetime:
    """Return the same local time some months before, on the last of a month that is shorter."""
    local = at.astimezone(ZONE)
    year, month = divmod(local.year * 12 + local.month - 1 - months, 12)
    for day in range(local.day, 0, -1):
        try:
            return local.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("a month has a first day")


def have(facts: Sequence[Bought], at: datetime, *, months: int, inclusive: bool) -> int:
    """Count what counts at an instant, from nothing but the facts until then."""

    def is_known(when: datetime) -> bool:
        return when <= at if inclusive else when < at

    total = 0
    for bought in facts:
        if is_known(bought.at) and bought.at > months_before(at, months):
            back = [b.total_minor for b in bought.backs if is_known(max(b.at, bought.at))]
            total += (bought.payable_minor - max(back, default=0)) // 100
    return total


def midnight(day: date) -> datetime:
    """Return the first instant of a local day."""
    return datetime.combine(day, time(0), ZONE).astimezone(UTC)


def earned(
    facts: Sequence[Bought], began_at: datetime, now: datetime, versions: Sequence[Version] = ()
) -> Tier:
    """Return what a member has earned at ``now``; ``versions`` are those after the default one."""
    first = began_at.astimezone(ZONE).date()
    tier = Tier(0, began_at, year_later(first), DEFAULT)
    days = (now.astimezone(ZONE).date() - first).days + 1
    moments: list[tuple[datetime, int, Version | None]] = [
        (midnight(first + timedelta(days=day)), 1, None) for day in range(1, days)
    ]
    moments += [(max(bought.at, began_at), 2, None) for bought in facts]
    moments += [(each.starts_at, 0, each) for each in versions if each.starts_at <= now]
    for at, kind, version in sorted(moments, key=lambda moment: moment[:2]):
        if version is not None:
            _adopt(tier, facts, at, version)
        elif kind == 1:
            _end_day(tier, facts, at, at.astimezone(ZONE).date() - timedelta(days=1))
        else:
            points = have(facts, at, months=tier.rules.months, inclusive=True)
            if tier.rules.reached(points) > tier.rank:
                tier.renew(tier.rules.reached(points), at)
            elif tier.in_grace and points >= tier.rules.thresholds[tier.rank]:
                tier.in_grace = False
                tier.review_on = year_later(at.astimezone(ZONE).date())
    return tier


def _adopt(tier: Tier, facts: Sequence[Bought], at: datetime, version: Version) -> None:
    """Let a version come into force: up at once, never down."""
    tier.rules = version
    rank = version.reached(have(facts, at, months=version.months, inclusive=False))
    if rank > tier.rank:
        tier.renew(rank, at)
    _end_grace(tier, facts, at, at.astimezone(ZONE).date() - timedelta(days=1))


def _end_day(tier: Tier, facts: Sequence[Bought], at: datetime, day: date) -> None:
    """Review at the end of the day, or end a grace."""
    if day == tier.review_on and not tier.in_grace:
        points = have(facts, at, months=tier.rules.months, inclusive=False)
        if points >= tier.rules.thresholds[tier.rank]:
            tier.review_on = year_later(day)
        else:
            tier.in_grace = True
    _end_grace(tier, facts, at, day)


def _end_grace(tier: Tier, facts: Sequence[Bought], at: datetime, day: date) -> None:
    """End a grace whose last day is over; a new version may have made it, or the tier, less."""
    if tier.grace_until is None or day < tier.grace_until:
        return
    points = have(facts, at, months=tier.rules.months, inclusive=False)
    if points >= tier.rules.thresholds[tier.rank]:
        tier.in_grace = False
        tier.review_on = year_later(at.astimezone(ZONE).date())
    else:
        tier.renew(tier.rank - 1, at)


def shown(tier: Tier, lifts: Sequence[Lift], now: datetime) -> tuple[int, str]:
    """Return the rank a member has and what it is owed to."""
    floor = max((lift.rank for lift in lifts if lift.starts_at <= now < lift.ends_at), default=0)
    return (floor, "override") if floor > tier.rank else (tier.rank, "earned")
