"""Integer arithmetic for minor units and points: exact fractions in, whole numbers out (A1, E1)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor


def floor_exact(value: Fraction) -> int:
    """Round an exact amount down to a whole one."""
    return floor(value)


def share_by_largest_remainder(total: int, weights: Sequence[Fraction | int]) -> list[int]:
    """Split a whole ``total`` in proportion to ``weights`` so that the parts add up exactly.

    Each part is the floor of its exact share; what is left goes, one each, to the largest
    remainders, ties to the earlier place. With all weights zero every part is zero, so the total
    must be zero too.

    Raises:
        ValueError: a negative total or weight, or a positive total with nothing to bear it.
    """
    if total < 0 or any(weight < 0 for weight in weights):
        raise ValueError("total and weights are never negative")
    weight_sum = sum((Fraction(weight) for weight in weights), Fraction(0))
    if weight_sum == 0:
        if total:
            raise ValueError("a positive total needs a positive weight")
        return [0] * len(weights)
    exact = [total * Fraction(weight) / weight_sum for weight in weights]
    parts = [floor(share) for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
