"""The data set's coupon campaigns, as far as they touch a slice.

A coupon of the data set is good for up to 14,000 products. Its scope here is those that the
campaign's households bought while it ran: no other product can make a difference, and a longer
window finds the same scope.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from examples.replay.source import Selection, within


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


def campaigns_in(
    folder: Path, selection: Selection, members: frozenset[int], bought: pa.Table
) -> tuple[Campaign, ...]:
    """The campaigns that run in the window for somebody of the slice, in the order they start.

    Args:
        folder: Where the files are.
        selection: The window.
        members: The households of the slice.
        bought: All transactions of the drawn households, in the window or not.
    """
    receivers = _receivers(folder, bought)
    coupons = pq.read_table(folder / "coupons.parquet")
    campaigns = []
    for row in pq.read_table(folder / "campaign_descriptions.parquet").to_pylist():
        starts_on, ends_on = row["start_date"].date(), row["end_date"].date()
        everybody = receivers.get(row["campaign_id"], [])
        household_ids = tuple(sorted(members.intersection(everybody)))
        if starts_on > selection.last_day or ends_on < selection.first_day or not household_ids:
            continue
        theirs = bought.filter(pc.is_in(bought["household_id"], pa.array(everybody)))
        pool = coupons.filter(pc.equal(coupons["campaign_id"], row["campaign_id"]))
        campaigns.append(
            Campaign(
                campaign_id=row["campaign_id"],
                personal=row["campaign_type"] == "Type A",
                starts_on=starts_on,
                ends_on=ends_on,
                household_ids=household_ids,
                coupons=_coupons(pool, within(theirs, starts_on, ends_on)),
            )
        )
    return tuple(sorted(campaigns, key=lambda each: (each.starts_on, each.campaign_id)))


def _receivers(folder: Path, bought: pa.Table) -> Mapping[int, list[int]]:
    """Which of the drawn households each campaign went to."""
    drawn = pc.unique(bought["household_id"])
    table = pq.read_table(folder / "campaigns.parquet")
    households: dict[int, list[int]] = defaultdict(list)
    for row in table.filter(pc.is_in(table["household_id"], drawn)).to_pylist():
        households[row["campaign_id"]].append(row["household_id"])
    return households


def _coupons(pool: pa.Table, bought: pa.Table) -> tuple[Coupon, ...]:
    """The coupons of a pool with those of their products that were bought; none without any."""
    useful = pool.filter(pc.is_in(pool["product_id"], pc.unique(bought["product_id"])))
    products: dict[int, set[int]] = defaultdict(set)
    for row in useful.to_pylist():
        products[row["coupon_upc"]].add(row["product_id"])
    return tuple(Coupon(upc, frozenset(found)) for upc, found in sorted(products.items()))


def redemptions_in(
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
