"""From exact parts to whole points that add up."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

_NONE = Fraction(0)


def apportion(exact: Sequence[Fraction]) -> list[int]:
    """Floor the sum once and share it by largest remainder, ties to the earlier place (E1)."""
    parts = [floor(part) for part in exact]
    left = floor(sum(exact, _NONE)) - sum(parts)
    nearest = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
    for place in nearest[:left]:
        parts[place] += 1
    return parts
