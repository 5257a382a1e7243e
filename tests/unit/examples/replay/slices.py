"""Small slices written by hand."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from examples.replay.campaigns import Campaign, Coupon, Redemption
from examples.replay.data import Basket, Household, Line, LineTally, Slice
from examples.replay.source import Selection

FIRST_DAY = date(2017, 5, 1)


def line(product_id: int, net_minor: int = 500, coupon_minor: int = 0) -> Line:
    return Line(product_id, 1, net_minor, coupon_minor, "TEA", "National", gift_card=False)


def basket(
    basket_id: int,
    day: int,
    *lines: Line,
    household_id: int = 7,
    store_id: int = 1,
    hour: int = 16,
) -> Basket:
    sold_at = datetime(2017, 5, day, hour, tzinfo=UTC)
    return Basket(basket_id, household_id, store_id, sold_at, lines or (line(1),))


def slice_of(
    *baskets: Basket,
    campaigns: Iterable[Campaign] = (),
    redemptions: Iterable[Redemption] = (),
    days: int = 31,
    ages: dict[int, str] | None = None,
) -> Slice:
    households = sorted({each.household_id for each in baskets})
    lines = sum(len(each.lines) for each in baskets)
    return Slice(
        selection=Selection(len(households), FIRST_DAY, days, seed=42),
        households=tuple(Household(known, (ages or {}).get(known)) for known in households),
        baskets=tuple(sorted(baskets, key=lambda each: each.sold_at)),
        campaigns=tuple(campaigns),
        redemptions=tuple(redemptions),
        tally=LineTally(lines, lines, 0, 0, 0, 0),
        empty_baskets=0,
    )


def campaign(
    *coupons: Coupon,
    personal: bool = False,
    starts_on: date = FIRST_DAY,
    household_ids: tuple[int, ...] = (7,),
) -> Campaign:
    return Campaign(3, personal, starts_on, date(2017, 5, 20), household_ids, coupons)


def coupon(coupon_upc: int, *product_ids: int) -> Coupon:
    return Coupon(coupon_upc, frozenset(product_ids))


def redemption(coupon_upc: int, day: int, household_id: int = 7) -> Redemption:
    return Redemption(household_id, 3, coupon_upc, date(2017, 5, day))
