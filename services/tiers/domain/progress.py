"""What sales contribute, and how much of it counts at an instant (T1, T2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

MINOR_PER_POINT = 100
"""Minor units of net spend to a qualifying point (T1)."""


@dataclass(frozen=True, slots=True)
class Refund:
    """What had been refunded of a sale at an instant, in minor units, cumulative."""

    occurred_at: datetime
    refunded_total_minor: int


@dataclass(frozen=True, slots=True)
class Sale:
    """A member's sale and what came back of it."""

    sale_id: str
    occurred_at: datetime
    payable_minor: int
    refunds: tuple[Refund, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """A sale, or what came back of it, at its own instant; in the order in which they count."""

    at: datetime
    is_refund: bool
    sale_id: str
    amount_minor: int


def qualifying_points(payable_minor: int, refunded_minor: int = 0) -> int:
    """Return what a sale contributes after returns, never below 0 (§11)."""
    return max(payable_minor - refunded_minor, 0) // MINOR_PER_POINT


def worth(metric: str, payable_minor: int, refunded_minor: int) -> int:
    """Return what a sale counts for after returns.

    Qualifying points, minor units of spend, or one order as long as something paid for is kept.
    """
    if metric == "qualifying_points":
        return qualifying_points(payable_minor, refunded_minor)
    kept = max(payable_minor - refunded_minor, 0)
    return kept if metric == "spend" else min(kept, 1)


def facts_of(sales: Iterable[Sale]) -> list[Fact]:
    """Return sales and refunds in the order things happened.

    At one instant the sale comes before its refund: it was made to be returned.
    """
    found = []
    for sale in sales:
        found.append(Fact(sale.occurred_at, False, sale.sale_id, sale.payable_minor))
        for refund in sale.refunds:
            at = max(refund.occurred_at, sale.occurred_at)
            found.append(Fact(at, True, sale.sale_id, refund.refunded_total_minor))
    return sorted(found)


class Progress:
    """What counts within a window that only moves forward; fed with facts in their order."""

    def __init__(self, metric: str) -> None:
        """Start with nothing sold."""
        self._metric = metric
        self._sold: list[Fact] = []
        self._first = 0
        self._refunded: dict[str, int] = {}
        self._counting: dict[str, int] = {}
        """Price of each sale in the window."""
        self.have = 0

    def take(self, fact: Fact) -> None:
        """Count a sale, or less of one; a smaller refund told later takes nothing back."""
        if not fact.is_refund:
            self._sold.append(fact)
            self._counting[fact.sale_id] = fact.amount_minor
            self.have += worth(self._metric, fact.amount_minor, 0)
            return
        before = self._refunded.get(fact.sale_id, 0)
        self._refunded[fact.sale_id] = max(before, fact.amount_minor)
        price = self._counting.get(fact.sale_id)
        if price is not None:
            self.have -= worth(self._metric, price, before)
            self.have += worth(self._metric, price, self._refunded[fact.sale_id])

    def slide(self, after: datetime) -> int:
        """Forget sales not later than ``after``; return what counts."""
        while self._first < len(self._sold) and self._sold[self._first].at <= after:
            sale_id = self._sold[self._first].sale_id
            price = self._counting.pop(sale_id)
            self.have -= worth(self._metric, price, self._refunded.get(sale_id, 0))
            self._first += 1
        return self.have
