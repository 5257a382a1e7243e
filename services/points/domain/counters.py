"""Terminals' running numbers: which are missing (S5)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers that never arrived, both ends included."""

    first: int
    last: int


def gaps_after(last: int, seen: Iterable[int]) -> list[Gap]:
    """Return what is missing above ``last``, the highest number seen before, up to ``seen``."""
    above = sorted({last, *(number for number in seen if number > last)})
    return [Gap(low + 1, high - 1) for low, high in pairwise(above) if high - low > 1]


def remaining(gap: Gap, seen: Collection[int]) -> list[Gap]:
    """Return what is still missing of a gap once ``seen`` have arrived after all."""
    inside = [number for number in seen if gap.first <= number <= gap.last]
    fence = sorted({gap.first - 1, *inside, gap.last + 1})
    return [Gap(low + 1, high - 1) for low, high in pairwise(fence) if high - low > 1]
