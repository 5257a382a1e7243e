"""Floors under an earned tier: overrides until a date (T4), paid membership (T7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from services.tiers.domain.programme import Level, Programme

EARNED = "earned"


@dataclass(frozen=True, slots=True)
class Floor:
    """A tier that is given from one instant until another, whatever is earned.

    ``source`` is ``override`` or ``purchased``; ``rank`` finds the nearest tier where a later
    version of the programme knows the code no more.
    """

    tier: str
    rank: int
    source: str
    starts_at: datetime
    ends_at: datetime
    reference: str


def standing_floor(floors: Iterable[Floor], at: datetime) -> Floor | None:
    """Return the highest floor at an instant; of equal ones what was bought, then the longest."""
    holding = [floor for floor in floors if floor.starts_at <= at < floor.ends_at]
    return max(
        holding,
        key=lambda each: (each.rank, each.source == "purchased", each.ends_at),
        default=None,
    )


def next_change(floors: Iterable[Floor], at: datetime) -> datetime | None:
    """Return the next instant after ``at`` at which a floor begins or ends."""
    instants = [instant for floor in floors for instant in (floor.starts_at, floor.ends_at)]
    return min((instant for instant in instants if instant > at), default=None)


def shown(programme: Programme, earned_rank: int, floor: Floor | None) -> tuple[Level, str]:
    """Return the tier a member has, and its source: a floor shows only above what is earned."""
    level = programme.at_rank(earned_rank)
    if floor is not None:
        lifted = programme.matching(floor.tier, floor.rank)
        if lifted.rank > level.rank:
            return lifted, floor.source
    return level, EARNED
