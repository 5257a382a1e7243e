"""What a coupon takes off which line, exact to the minor unit (C7)."""

from __future__ import annotations

from collections.abc import Sequence
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


def places_of(terms: Terms, lines: Sequence[Line]) -> tuple[int, ...]:
    """Return the places of the lines that the coupon makes cheaper; a gift makes none so."""
    if terms.kind == "gift":
        return ()
    if terms.kind == "free_shipping":
        return tuple(place for place, line in enumerate(lines) if line.kind == "shipping")
    return tuple(place for place, good in enumerate(covered_lines(terms, lines)) if good)


def total_at(
    terms: Terms, places: Sequence[int], quantities: Sequence[int], prices: Sequence[int]
) -> int:
    """Return what the coupon takes off in all, given the prices the ones before it left.

    Percent is floored once. A fixed price becomes the price of each piece, never more than it was.
    """
    if terms.kind == "fixed_price":
        total = sum(_over_fixed_price(terms, places, quantities, prices))
    else:
        total = sum(prices[place] for place in places)
        if terms.kind == "amount_off":
            total = min(terms.value or 0, total)
        elif terms.kind == "percent_off":
            total = total * (terms.value or 0) // 100
    return total if terms.max_discount_minor is None else min(total, terms.max_discount_minor)


def discounts_at(
    terms: Terms, places: Sequence[int], quantities: Sequence[int], prices: Sequence[int]
) -> list[int]:
    """Return what the coupon takes off each of the lines at ``places``: `total_at`, shared.

    It weighs on each line as much as the line can bear, so none goes below 0.
    """
    if terms.kind == "fixed_price":
        weights = _over_fixed_price(terms, places, quantities, prices)
    else:
        weights = [prices[place] for place in places]
    return share_by_largest_remainder(total_at(terms, places, quantities, prices), weights)


def discounts_of(terms: Terms, lines: Sequence[Line], prices: Sequence[int]) -> list[int]:
    """Return what the coupon takes off each line, given the prices the ones before it left."""
    places = places_of(terms, lines)
    shares = discounts_at(terms, places, [line.quantity for line in lines], prices)
    discounts = [0] * len(lines)
    for place, share in zip(places, shares, strict=True):
        discounts[place] = share
    return discounts


def _over_fixed_price(
    terms: Terms, places: Sequence[int], quantities: Sequence[int], prices: Sequence[int]
) -> list[int]:
    price = terms.value or 0
    return [max(prices[place] - price * quantities[place], 0) for place in places]
