"""From exact parts to whole points that add up."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

from services.points.domain.sales import exact_text

_MOST_DIGITS = 18


def apportion(exact: Sequence[Fraction]) -> list[int]:
    """Floor the sum once and share it by largest remainder, ties to the earlier place (E1)."""
    return share([1] * len(exact), exact)


def share(amounts: Sequence[int], rates: Sequence[Fraction]) -> list[int]:
    """Apportion amount x rate; in whole numbers, since a sale may have a thousand lines."""
    under = lcm(*(rate.denominator for rate in rates))
    exact = [
        divmod(amount * rate.numerator * (under // rate.denominator), under)
        for amount, rate in zip(amounts, rates, strict=True)
    ]
    points = [whole for whole, _ in exact]
    left = sum(rest for _, rest in exact) // under
    nearest = sorted(range(len(exact)), key=lambda place: (-exact[place][1], place))
    for place in nearest[:left]:
        points[place] += 1
    return points


def products(rate: Fraction, amounts: Sequence[int]) -> list[str]:
    """Write amount x rate exactly for each amount, as `exact_text` would, but with less ado."""
    digits = next((n for n in range(_MOST_DIGITS) if 10**n % rate.denominator == 0), None)
    if digits is None:
        return [exact_text(amount * rate) for amount in amounts]
    scale = 10**digits
    over = rate.numerator * (scale // rate.denominator)
    parts = [divmod(amount * over, scale) for amount in amounts]
    return [
        f"{whole}.{rest:0{digits}}".rstrip("0") if rest else str(whole) for whole, rest in parts
    ]
