"""The data set's coupon campaigns, as campaigns of the platform and coupons in baskets. Pure.

A campaign of the data set is a pool of coupons, each for its own products. The platform's campaign
is one coupon for one scope, so each coupon of a pool becomes a campaign of its own, issued to the
households that were sent it.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median_low

from examples.replay.campaigns import Campaign, Coupon, Redemption
from examples.replay.data import Basket, Slice
from examples.replay.dates import midnight

COUPONS_PER_SALE = 5
"""How many coupons one sale may carry (C7)."""

PERSONAL_COUPONS = 16
"""How many coupons of a personal campaign a household was sent."""

USUAL_COUPON_MINOR = 100
"""Value of a coupon whose discount the slice does not show; the data set's median."""

AFTER_THE_END = timedelta(days=1)
"""Coupons outlive their campaign's last day by this: tills post that day at its close."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One coupon of a campaign, run as a campaign of its own and issued to ``household_ids``."""

    key: str
    name: str
    terms: str
    value_minor: int
    skus: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    household_ids: tuple[int, ...]


def match_redemptions(part: Slice) -> tuple[dict[int, tuple[Redemption, ...]], dict[str, int]]:
    """Find the basket each redemption happened in.

    The data set knows the household, the coupon and the date. The basket is the one of that date
    with a product of the coupon, one with a coupon discount on it before one without.

    Returns:
        Redemptions by ``basket_id``, and how many found no basket, by reason.
    """
    coupons = _coupons(part)
    by_day: dict[tuple[int, date], list[Basket]] = defaultdict(list)
    for basket in part.baskets:
        by_day[basket.household_id, basket.sold_on].append(basket)
    matched: dict[int, list[Redemption]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    used: set[tuple[int, int, int]] = set()
    for redemption in part.redemptions:
        coupon = coupons.get((redemption.campaign_id, redemption.coupon_upc))
        day = by_day[redemption.household_id, redemption.redeemed_on]
        basket_id = _basket_for(coupon, day)
        use = (redemption.household_id, redemption.campaign_id, redemption.coupon_upc)
        if basket_id is None:
            left_out["no basket of that day holds the coupon's products"] += 1
        elif use in used:
            left_out["the household had used that coupon before"] += 1
        elif len(matched[basket_id]) == COUPONS_PER_SALE:
            left_out["the basket has five coupons already"] += 1
        else:
            used.add(use)
            matched[basket_id].append(redemption)
    return {key: tuple(found) for key, found in matched.items() if found}, dict(left_out)


def _basket_for(coupon: Coupon | None, day: Iterable[Basket]) -> int | None:
    """The basket a coupon was most likely used in."""
    if coupon is None:
        return None
    candidates = [
        (-max(line.coupon_minor for line in lines), basket.sold_at, basket.basket_id)
        for basket in day
        if (lines := [line for line in basket.lines if line.product_id in coupon.product_ids])
    ]
    return min(candidates)[2] if candidates else None


def _coupons(part: Slice) -> dict[tuple[int, int], Coupon]:
    return {
        (campaign.campaign_id, coupon.coupon_upc): coupon
        for campaign in part.campaigns
        for coupon in campaign.coupons
    }


def offer_key(campaign_id: int, coupon_upc: int) -> str:
    """What names one coupon of a campaign in sales and in idempotency keys."""
    return f"cj-{campaign_id}-{coupon_upc}"


def offers_of(
    part: Slice, redeemed: Mapping[int, tuple[Redemption, ...]]
) -> dict[date, tuple[Offer, ...]]:
    """The offers by the local date they start on; those that run already start on the first."""
    values = values_of(part, redeemed)
    offers: dict[date, list[Offer]] = defaultdict(list)
    for campaign in part.campaigns:
        starts_on = max(campaign.starts_on, part.selection.first_day)
        receivers = _receivers(campaign, part, redeemed)
        for coupon in campaign.coupons:
            if coupon.coupon_upc not in receivers:
                continue
            offers[starts_on].append(
                Offer(
                    key=offer_key(campaign.campaign_id, coupon.coupon_upc),
                    name=f"Complete Journey {campaign.campaign_id}/{coupon.coupon_upc}",
                    terms=f"Coupon {coupon.coupon_upc} of campaign {campaign.campaign_id}.",
                    value_minor=values.get(coupon.coupon_upc, USUAL_COUPON_MINOR),
                    skus=tuple(str(product) for product in sorted(coupon.product_ids)),
                    starts_at=midnight(starts_on),
                    ends_at=midnight(campaign.ends_on + timedelta(days=1)) + AFTER_THE_END,
                    household_ids=tuple(sorted(receivers[coupon.coupon_upc])),
                )
            )
    return {day: tuple(found) for day, found in offers.items()}


def values_of(part: Slice, redeemed: Mapping[int, tuple[Redemption, ...]]) -> dict[int, int]:
    """What each coupon takes off: the median discount seen where it was redeemed."""
    coupons = _coupons(part)
    seen: dict[int, list[int]] = defaultdict(list)
    for basket in part.baskets:
        for redemption in redeemed.get(basket.basket_id, ()):
            coupon = coupons[redemption.campaign_id, redemption.coupon_upc]
            seen[redemption.coupon_upc].extend(
                line.coupon_minor
                for line in basket.lines
                if line.product_id in coupon.product_ids and line.coupon_minor
            )
    return {coupon_upc: median_low(found) for coupon_upc, found in seen.items() if found}


def _receivers(
    campaign: Campaign, part: Slice, redeemed: Mapping[int, tuple[Redemption, ...]]
) -> dict[int, set[int]]:
    """Who is sent which coupon, by ``coupon_upc``.

    Of a personal campaign the data set does not tell which 16 coupons a household was sent; those
    it redeemed are certain, the rest are drawn.
    """
    pool = [coupon.coupon_upc for coupon in campaign.coupons]
    if not campaign.personal:
        return {coupon_upc: set(campaign.household_ids) for coupon_upc in pool}
    certain: dict[int, list[int]] = defaultdict(list)
    for redemptions in redeemed.values():
        for each in redemptions:
            if each.campaign_id == campaign.campaign_id:
                certain[each.household_id].append(each.coupon_upc)
    receivers: dict[int, set[int]] = defaultdict(set)
    for household_id in campaign.household_ids:
        seed = f"{part.selection.seed}/{campaign.campaign_id}/{household_id}"
        draw = random.Random(seed)  # noqa: S311 - a repeatable draw, not a secret
        others = [upc for upc in pool if upc not in certain[household_id]]
        missing = max(0, PERSONAL_COUPONS - len(certain[household_id]))
        for coupon_upc in certain[household_id] + draw.sample(others, min(missing, len(others))):
            receivers[coupon_upc].add(household_id)
    return receivers
