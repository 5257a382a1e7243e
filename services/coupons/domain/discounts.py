"""What a coupon takes off which line, exact to the minor unit (C7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.coupons.domain.campaign import Terms
from shared.money import share_by_largest_remainder


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a basket; ``net_minor`` is the price of all its pieces before coupons."""

    line_id: str
    sku: str
    category: str | None
    brand: str | None
    kind: str
    quantity: int
    net_minor: int


def covered_lines(terms: Terms, lines: Sequence[Line]) -> list[bool]:
    """Return for each line whether it counts; only goods do, no fees and no gift cards.

    A line is covered when it matches every key of the scope and no key of ``exclude``.
    """
    return [line.kind == "product" and not _line_outside(terms, line) for line in lines]


def _line_outside(terms: Terms, line: Line) -> bool:
    scope, excluded = terms.scope, terms.excluded
    return (
        outside(line.sku, scope.skus, excluded.skus)
        or outside(line.category, scope.categories, excluded.categories)
        or outside(line.brand, scope.brands, excluded.brands)
    )


def outside(
    value: str | None, wanted: frozenset[str] | None, unwanted: frozenset[str] | None
) -> bool:
    """Return whether a value is not among those wanted, or among those not wanted."""
    if wanted is not None and value not in wanted:
        return True
    return unwanted is not None and value in unwanted


def discounts_of(terms: Terms, lines: Sequence[Line], prices: Sequence[int]) -> list[int]:
    """Return what the coupon takes off each line, given the prices the ones before it left."""
    covered = covered_lines(terms, lines)
    open_prices = [price if good else 0 for price, good in zip(prices, covered, strict=True)]
    weights, total = _KINDS[terms.kind](terms, lines, prices, open_prices)
    if terms.max_discount_minor is not None:
        total = min(total, terms.max_discount_minor)
    return share_by_largest_remainder(total, weights)


Weighed = tuple[list[int], int]
"""How the discount weighs on the lines, none above what the line can bear, and its total."""


def _amount_off(
    terms: Terms, lines: Sequence[Line], prices: Sequence[int], open_prices: list[int]
) -> Weighed:
    return open_prices, min(terms.value or 0, sum(open_prices))


def _percent_off(
    terms: Terms, lines: Sequence[Line], prices: Sequence[int], open_prices: list[int]
) -> Weighed:
    """Floored once, then shared."""
    return open_prices, sum(open_prices) * (terms.value or 0) // 100


def _fixed_price(
    terms: Terms, lines: Sequence[Line], prices: Sequence[int], open_prices: list[int]
) -> Weighed:
    """The unit price becomes the value, never more than it was."""
    value = terms.value or 0
    off = [
        max(price - value * line.quantity, 0)
        for line, price in zip(lines, open_prices, strict=True)
    ]
    return off, sum(off)


def _free_shipping(
    terms: Terms, lines: Sequence[Line], prices: Sequence[int], open_prices: list[int]
) -> Weighed:
    off = [
        price if line.kind == "shipping" else 0 for line, price in zip(lines, prices, strict=True)
    ]
    return off, sum(off)


_Rule = Callable[[Terms, Sequence[Line], Sequence[int], list[int]], Weighed]
_KINDS: dict[str, _Rule] = {
    "amount_off": _amount_off,
    "percent_off": _percent_off,
    "fixed_price": _fixed_price,
    "free_shipping": _free_shipping,
}
