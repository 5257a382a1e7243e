from datetime import date, timedelta

from examples.replay.coupons import PERSONAL_COUPONS, match_redemptions, offers_of
from examples.replay.dates import midnight
from tests.unit.examples.replay.slices import (
    FIRST_DAY,
    basket,
    campaign,
    coupon,
    line,
    redemption,
    slice_of,
)


def test_a_redemption_goes_to_the_basket_with_the_coupons_discount() -> None:
    part = slice_of(
        basket(1, 2, line(11), hour=10),
        basket(2, 2, line(11, coupon_minor=100), hour=12),
        basket(3, 2, line(12, coupon_minor=900), hour=13),
        basket(4, 3, line(11, coupon_minor=900)),
        campaigns=[campaign(coupon(900, 11))],
        redemptions=[redemption(900, day=2)],
    )
    matched, left_out = match_redemptions(part)
    assert list(matched) == [2]
    assert left_out == {}


def test_a_redemption_without_discount_goes_to_the_first_basket_with_its_product() -> None:
    part = slice_of(
        basket(1, 2, line(12), hour=10),
        basket(2, 2, line(11), hour=12),
        basket(3, 2, line(11), hour=13),
        campaigns=[campaign(coupon(900, 11))],
        redemptions=[redemption(900, day=2)],
    )
    assert list(match_redemptions(part)[0]) == [2]


def test_redemptions_that_cannot_be_played_are_counted_by_reason() -> None:
    coupons = [coupon(upc, 11) for upc in range(900, 906)]
    part = slice_of(
        basket(1, 2, line(11)),
        basket(2, 3, line(11)),
        campaigns=[campaign(*coupons)],
        redemptions=[
            *(redemption(upc, day=2) for upc in range(900, 906)),
            redemption(900, day=3),
            redemption(999, day=2),
            redemption(901, day=9),
        ],
    )
    matched, left_out = match_redemptions(part)
    assert [each.coupon_upc for each in matched[1]] == [900, 901, 902, 903, 904]
    assert left_out == {
        "the basket has five coupons already": 1,
        "the household had used that coupon before": 1,
        "no basket of that day holds the coupon's products": 2,
    }


def test_an_offer_starts_and_ends_with_its_campaign() -> None:
    starts_on = FIRST_DAY + timedelta(days=3)
    part = slice_of(basket(1, 2), campaigns=[campaign(coupon(900, 11, 2), starts_on=starts_on)])
    offers = offers_of(part, {})
    (offer,) = offers[starts_on]
    assert offer.skus == ("2", "11")
    assert offer.starts_at == midnight(starts_on)
    assert offer.ends_at == midnight(date(2017, 5, 22))


def test_an_offer_that_runs_already_starts_on_the_first_day() -> None:
    earlier = FIRST_DAY - timedelta(days=9)
    part = slice_of(basket(1, 2), campaigns=[campaign(coupon(900, 11), starts_on=earlier)])
    assert list(offers_of(part, {})) == [FIRST_DAY]


def test_an_offer_takes_off_the_median_discount_of_its_redemptions() -> None:
    part = slice_of(
        basket(1, 2, line(11, coupon_minor=50), line(12, coupon_minor=999)),
        basket(2, 3, line(11, coupon_minor=150), household_id=8),
        basket(3, 4, line(11, coupon_minor=400), household_id=9),
        campaigns=[campaign(coupon(900, 11), coupon(901, 11), household_ids=(7, 8, 9))],
        redemptions=[
            redemption(900, day=2, household_id=7),
            redemption(900, day=3, household_id=8),
            redemption(900, day=4, household_id=9),
        ],
    )
    matched, _ = match_redemptions(part)
    offers = offers_of(part, matched)[FIRST_DAY]
    assert [offer.value_minor for offer in offers] == [150, 100]


def test_a_general_campaign_reaches_all_its_households_with_every_coupon() -> None:
    general = campaign(coupon(900, 11), coupon(901, 12), household_ids=(7, 8))
    offers = offers_of(slice_of(basket(1, 2), campaigns=[general]), {})[FIRST_DAY]
    assert [offer.household_ids for offer in offers] == [(7, 8), (7, 8)]


def test_a_personal_campaign_sends_sixteen_coupons_the_redeemed_ones_among_them() -> None:
    pool = [coupon(upc, 11) for upc in range(900, 960)]
    part = slice_of(
        basket(1, 2, line(11)),
        campaigns=[campaign(*pool, personal=True)],
        redemptions=[redemption(upc, day=2) for upc in (907, 944, 959)],
    )
    matched, _ = match_redemptions(part)
    offers = offers_of(part, matched)[FIRST_DAY]
    sent = {offer.key for offer in offers}
    assert len(sent) == PERSONAL_COUPONS
    assert {"cj-3-907", "cj-3-944", "cj-3-959"} <= sent
    assert offers == offers_of(part, matched)[FIRST_DAY]
