from datetime import UTC, date, datetime, timedelta

import phonenumbers
import pytest

from examples.replay.data import Household
from examples.replay.dates import SHIFT, midnight
from examples.replay.plan import Sale, birthday_of, cut, phone_of, plan
from tests.unit.examples.replay.slices import FIRST_DAY, basket, line, slice_of


def sale(number: int, points: int = 0) -> Sale:
    at = datetime(2034, 5, 1, 12, number, tzinfo=UTC)
    return Sale(f"cj-{number}", 7, at, number, (line(1),), points_to_redeem=points)


def test_the_shift_keeps_dates_weekdays_and_daylight_saving() -> None:
    for offset in range(365):
        day = date(2017, 1, 1) + timedelta(days=offset)
        assert (day + SHIFT) == day.replace(year=2034)
        assert (day + SHIFT).weekday() == day.weekday()
    assert midnight(date(2017, 3, 12)) == datetime(2034, 3, 12, 5, tzinfo=UTC)
    assert midnight(date(2017, 3, 13)) == datetime(2034, 3, 13, 4, tzinfo=UTC)


def test_phones_are_valid_and_one_per_household() -> None:
    phones = [phone_of(household) for household in range(1, 2_501)]
    assert len(set(phones)) == len(phones)
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(phone)) for phone in phones)


def test_phones_stay_in_the_range_reserved_for_fiction() -> None:
    assert phone_of(7) == "+12015550107"
    assert {phone_of(household)[5:10] for household in range(1, 2_501)} == {"55501"}


@pytest.mark.parametrize(
    ("age", "born"),
    [("45-54", date(1984, 1, 8)), ("19-24", date(2013, 1, 8)), ("65+", date(1964, 1, 8))],
)
def test_birthdays_lie_in_the_age_band(age: str, born: date) -> None:
    assert birthday_of(Household(7, age), 2034) == born


def test_birthday_is_unknown_without_an_age_band() -> None:
    assert birthday_of(Household(7, None), 2034) is None


def test_cut_keeps_order_and_posts_sales_that_spend_by_themselves() -> None:
    sales = [sale(1), sale(2), sale(3), sale(4, points=500), sale(5)]
    cuts = [[each.sale_id for each in posting.sales] for posting in cut(sales, batch=2)]
    assert cuts == [["cj-1", "cj-2"], ["cj-3"], ["cj-4"], ["cj-5"]]
    assert [posting.alone for posting in cut(sales, batch=2)] == [False, False, True, False]


def test_every_basket_is_played_once_on_its_day() -> None:
    part = slice_of(basket(1, 1), basket(2, 1, store_id=2), basket(3, 3))
    timeline = plan(part, tills=2, batch=500)
    played = [
        (day.on, sale.sale_id)
        for day in timeline.days
        for postings in day.postings.values()
        for posting in postings
        for sale in posting.sales
    ]
    assert sorted(played) == [
        (date(2034, 5, 1), "cj-1"),
        (date(2034, 5, 1), "cj-2"),
        (date(2034, 5, 3), "cj-3"),
    ]
    assert timeline.sales == 3


def test_days_follow_one_another_without_a_gap_and_close_after_their_sales() -> None:
    timeline = plan(slice_of(basket(1, 1), basket(2, 9)), tills=2, batch=500)
    assert [day.on for day in timeline.days] == [
        FIRST_DAY + SHIFT + timedelta(days=n) for n in range(31)
    ]
    assert timeline.opens_at == midnight(FIRST_DAY)
    for day in timeline.days:
        for postings in day.postings.values():
            assert all(s.occurred_at < day.closes_at for post in postings for s in post.sales)


def test_counters_rise_by_one_per_till() -> None:
    part = slice_of(*(basket(number, 1 + number % 20, store_id=number) for number in range(40)))
    timeline = plan(part, tills=3, batch=500)
    for till in timeline.tills:
        counters = [
            sale.terminal_counter
            for day in timeline.days
            for posting in day.postings.get(till, ())
            for sale in posting.sales
        ]
        assert counters == list(range(1, len(counters) + 1))
        assert counters


def test_a_longer_window_continues_a_shorter_one() -> None:
    early = [basket(number, number, line(1, 60_000)) for number in range(1, 6)]
    late = [basket(number, number, line(1, 60_000)) for number in range(6, 12)]
    short = plan(slice_of(*early, days=5), tills=2, batch=500)
    long = plan(slice_of(*early, *late, days=11), tills=2, batch=500)
    assert long.days[:5] == short.days
    assert long.tills == short.tills


def test_points_are_spent_once_earlier_days_have_earned_them() -> None:
    # 300.00 a day earns 300 points or more; 500 are there after two days.
    part = slice_of(*(basket(number, number, line(1, 30_000)) for number in range(1, 6)))
    timeline = plan(part, tills=1, batch=500)
    spent = [
        sale.points_to_redeem
        for day in timeline.days
        for postings in day.postings.values()
        for posting in postings
        for sale in posting.sales
    ]
    # 600, then 600 - 500 + 295 = 395, then 695 at the fifth.
    assert spent == [0, 0, 500, 0, 500]


def test_sales_paid_with_points_are_dated_at_the_close_that_posts_them() -> None:
    part = slice_of(*(basket(number, number, line(1, 60_000)) for number in range(1, 3)))
    day = plan(part, tills=1, batch=500).days[1]
    (posting,) = next(iter(day.postings.values()))
    (sale,) = posting.sales
    assert sale.points_to_redeem == 500
    assert day.closes_at - sale.occurred_at == timedelta(seconds=1)


def test_points_are_not_spent_on_small_baskets() -> None:
    rich = basket(1, 1, line(1, 100_000))
    timeline = plan(slice_of(rich, basket(2, 2, line(1, 1_999))), tills=1, batch=500)
    (posting,) = timeline.days[1].postings[timeline.tills[0]]
    assert posting.sales[0].points_to_redeem == 0


def test_points_of_the_same_day_are_not_counted_on() -> None:
    part = slice_of(
        basket(1, 1, line(1, 100_000), hour=10, store_id=1),
        basket(2, 1, line(1, 100_000), hour=12, store_id=2),
    )
    timeline = plan(part, tills=2, batch=500)
    sales = [p.sales[0] for postings in timeline.days[0].postings.values() for p in postings]
    assert [each.points_to_redeem for each in sales] == [0, 0]


def test_shoppers_are_at_home_where_they_shop_first() -> None:
    part = slice_of(
        basket(1, 1, household_id=7, store_id=1), basket(2, 2, household_id=7, store_id=2)
    )
    timeline = plan(part, tills=2, batch=500)
    assert [shopper.home_till for shopper in timeline.shoppers] == [1]
