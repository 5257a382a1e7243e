"""Breakage: which part of points that are outstanding will lapse, as past lots tell (L11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Flow:
    """What happened, when lots were so many whole months old, to lots that are all over."""

    age_months: int
    points: int
    """What they gained less what they lost."""
    lapsed: int
    """The part of the loss that lapsed."""


@dataclass(frozen=True, slots=True)
class Age:
    """Of the points in lots at some age, the part that was to lapse."""

    age_months: int
    outstanding: int
    lapsed: int

    @property
    def share(self) -> Fraction:
        """Return the part; none where there was nothing."""
        return Fraction(self.lapsed, self.outstanding) if self.outstanding > 0 else Fraction(0)


def ages(flows: Iterable[Flow], earned: int) -> list[Age]:
    """Return what was left in past lots at the beginning of each month of their lives.

    ``earned`` is what all of them held at first. The list ends with the last age at which anything
    was left.
    """
    by_age = {flow.age_months: flow for flow in flows}
    found: list[Age] = []
    outstanding, lapsed = earned, sum(flow.lapsed for flow in by_age.values())
    left = 0
    for age in range(max(by_age, default=-1) + 1):
        if outstanding <= 0:
            break
        found.append(Age(age, outstanding, lapsed))
        flow = by_age.get(age, Flow(age, 0, 0))
        left += flow.points
        outstanding, lapsed = left, lapsed - flow.lapsed
    return found


def forecast(points_by_age: Mapping[int, int], known: list[Age]) -> int:
    """Return how many of some points will lapse, to the nearest point.

    Points older than any past lot are taken for as old as the oldest.
    """
    if not known:
        return 0
    exact = sum(
        (points * known[min(age, len(known) - 1)].share for age, points in points_by_age.items()),
        Fraction(0),
    )
    return int(exact + Fraction(1, 2))
