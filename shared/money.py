"""Integer arithmetic for minor units and points: exact fractions in, whole numbers out (A1, E1)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor
from typing import cast


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
    if all(type(weight) is int for weight in weights):
        return _share_by_integers(total, cast("Sequence[int]", weights))
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


def _share_by_integers(total: int, weights: Sequence[int]) -> list[int]:
    """Do the same without fractions, which a basket of 200 lines would feel."""
    weight_sum = sum(weights)
    if weight_sum == 0:
        if total:
            raise ValueError("a positive total needs a positive weight")
        return [0] * len(weights)
    parts, remainders = [], []
    for index, weight in enumerate(weights):
        part, remainder = divmod(total * weight, weight_sum)
        parts.append(part)
        remainders.append((-remainder, index))
    left = total - sum(parts)
    if left:
        remainders.sort()
        for _, index in remainders[:left]:
            parts[index] += 1
    return parts


_EXPONENTS = {
    "BHD": 3,
    "CLP": 0,
    "IQD": 3,
    "ISK": 0,
    "JOD": 3,
    "JPY": 0,
    "KRW": 0,
    "KWD": 3,
    "LYD": 3,
    "OMR": 3,
    "TND": 3,
    "VND": 0,
}
"""Digits after the point where ISO 4217 says other than 2."""


def decimal_text(amount_minor: int, currency: str) -> str:
    """Return an amount for people to read, such as ``12.50 CNY``."""
    digits = _EXPONENTS.get(currency, 2)
    if not digits:
        return f"{amount_minor} {currency}"
    whole, part = divmod(amount_minor, 10**digits)
    return f"{whole}.{part:0{digits}d} {currency}"
