from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples.replay.data import baskets_of, load
from examples.replay.source import Selection, packaged_files

MAY = Selection(households=10, first_day=date(2017, 5, 1), days=2, seed=42)


at = datetime.fromisoformat
"""A time as the files have it: UTC without a zone."""


def transaction(**changes: Any) -> dict[str, Any]:
    return {
        "household_id": 7,
        "store_id": 330,
        "basket_id": 1,
        "product_id": 11,
        "quantity": 1,
        "sales_value": 1.29,
        "retail_disc": 0.0,
        "coupon_disc": 0.0,
        "coupon_match_disc": 0.0,
        "transaction_timestamp": at("2017-05-01 16:00"),
    } | changes


def write(folder: Path, transactions: Sequence[Mapping[str, Any]]) -> Path:
    """The seven files of the package, each as small as it can be."""
    start, end = at("2017-04-20 00:00"), at("2017-05-20 00:00")
    tables: dict[str, Sequence[Mapping[str, Any]]] = {
        "transactions": transactions,
        "products": [
            {
                "product_id": 11,
                "department": "GROCERY",
                "brand": "National",
                "product_category": "TEAS",
                "product_type": "TEA BAGS",
            },
            {
                "product_id": 12,
                "department": "MISCELLANEOUS",
                "brand": "National",
                "product_category": None,
                "product_type": "OUTSIDE VENDORS GIFT CARDS",
            },
        ],
        "demographics": [{"household_id": 7, "age": "45-54"}],
        "campaigns": [{"campaign_id": 3, "household_id": 7}],
        "campaign_descriptions": [
            {"campaign_id": 3, "campaign_type": "Type A", "start_date": start, "end_date": end}
        ],
        "coupons": [
            {"coupon_upc": 900, "product_id": 11, "campaign_id": 3},
            {"coupon_upc": 900, "product_id": 99, "campaign_id": 3},
            {"coupon_upc": 901, "product_id": 99, "campaign_id": 3},
            {"coupon_upc": 901, "product_id": 98, "campaign_id": 3},
            {"coupon_upc": 901, "product_id": 97, "campaign_id": 3},
        ],
        "coupon_redemptions": [
            {
                "household_id": 7,
                "coupon_upc": 900,
                "campaign_id": 3,
                "redemption_date": at("2017-05-02 00:00"),
            },
            {
                "household_id": 8,
                "coupon_upc": 900,
                "campaign_id": 3,
                "redemption_date": at("2017-05-02 00:00"),
            },
        ],
    }
    for name, rows in tables.items():
        pq.write_table(pa.Table.from_pylist(list(rows)), folder / f"{name}.parquet")
    return folder


@pytest.mark.parametrize(
    ("quantity", "sales_value", "fate"),
    [
        (2, 1.29, "posted"),
        (1, 0.0, "free"),
        (0, 1.29, "assumed_one"),
        (0, 0.0, "void"),
        (-1, 1.29, "negative"),
        (1, -1.29, "negative"),
    ],
)
def test_each_line_is_counted_by_its_fate(quantity: int, sales_value: float, fate: str) -> None:
    odd = transaction(product_id=12, quantity=quantity, sales_value=sales_value)
    _, tally, _ = baskets_of([transaction(), odd], {})
    expected = dict.fromkeys(("posted", "free", "assumed_one", "void", "negative"), 0)
    expected["posted"] = 1
    expected[fate] += 1
    assert {name: getattr(tally, name) for name in expected} == expected
    assert tally.read == 2


def test_a_line_paid_with_quantity_zero_is_posted_as_one() -> None:
    (basket,), _, _ = baskets_of([transaction(quantity=0)], {})
    assert [(line.quantity, line.net_minor) for line in basket.lines] == [(1, 129)]


def test_a_basket_of_void_lines_is_left_out_and_counted() -> None:
    baskets, _, empty = baskets_of([transaction(quantity=0, sales_value=0.0)], {})
    assert (baskets, empty) == ((), 1)


def test_money_becomes_whole_cents_although_doubles_are_inexact() -> None:
    (basket,), _, _ = baskets_of([transaction(sales_value=1.15, coupon_disc=0.29)], {})
    assert (basket.lines[0].net_minor, basket.lines[0].coupon_minor) == (115, 29)


def test_baskets_come_in_time_order_whatever_the_order_of_rows() -> None:
    late = transaction(basket_id=1, transaction_timestamp=at("2017-05-01 18:00"))
    early = transaction(basket_id=2, transaction_timestamp=at("2017-05-01 09:00"))
    baskets, _, _ = baskets_of([late, early], {})
    assert [basket.basket_id for basket in baskets] == [2, 1]


def test_a_basket_belongs_to_the_local_date_of_its_shop() -> None:
    # 03:30 UTC in May is 23:30 of the day before on the American east coast.
    night = transaction(transaction_timestamp=at("2017-05-02 03:30"))
    (basket,), _, _ = baskets_of([night], {})
    assert basket.sold_on == date(2017, 5, 1)


def test_load_takes_the_window_by_local_date(tmp_path: Path) -> None:
    before = transaction(basket_id=1, transaction_timestamp=at("2017-05-01 03:59"))
    first = transaction(basket_id=2, transaction_timestamp=at("2017-05-01 04:00"))
    last = transaction(basket_id=3, transaction_timestamp=at("2017-05-03 03:59"))
    after = transaction(basket_id=4, transaction_timestamp=at("2017-05-03 04:00"))
    part = load(MAY, write(tmp_path, [before, first, last, after]))
    assert [basket.basket_id for basket in part.baskets] == [2, 3]


def test_load_describes_products_and_households(tmp_path: Path) -> None:
    rows = [transaction(product_id=product) for product in (11, 12, 13)]
    part = load(MAY, write(tmp_path, rows))
    lines = part.baskets[0].lines
    assert [(line.category, line.gift_card) for line in lines] == [
        ("TEAS", False),
        ("MISCELLANEOUS", True),
        ("UNKNOWN", False),
    ]
    assert [(each.household_id, each.age) for each in part.households] == [(7, "45-54")]


def test_load_keeps_campaigns_and_coupons_that_touch_the_slice(tmp_path: Path) -> None:
    part = load(MAY, write(tmp_path, [transaction()]))
    (campaign,) = part.campaigns
    assert campaign.personal
    assert [(each.coupon_upc, each.product_ids) for each in campaign.coupons] == [
        (900, frozenset({11}))
    ]
    assert [each.household_id for each in part.redemptions] == [7]


def test_a_coupons_scope_is_what_its_households_bought_while_the_campaign_ran(
    tmp_path: Path,
) -> None:
    rows = [
        transaction(product_id=11),
        transaction(product_id=99, basket_id=2, transaction_timestamp=at("2017-05-20 16:00")),
        transaction(product_id=98, basket_id=3, transaction_timestamp=at("2017-05-21 16:00")),
        transaction(product_id=97, basket_id=4, household_id=8),
    ]
    (campaign,) = load(MAY, write(tmp_path, rows)).campaigns
    scopes = {each.coupon_upc: each.product_ids for each in campaign.coupons}
    assert scopes == {900: frozenset({11, 99}), 901: frozenset({99})}


def test_load_drops_campaigns_that_ended_before_the_window(tmp_path: Path) -> None:
    june = transaction(transaction_timestamp=at("2017-06-01 16:00"))
    selection = Selection(households=10, first_day=date(2017, 6, 1), days=2, seed=42)
    assert load(selection, write(tmp_path, [june])).campaigns == ()


def test_load_draws_the_same_households_for_a_longer_window(tmp_path: Path) -> None:
    rows = [
        transaction(
            household_id=household,
            basket_id=household,
            transaction_timestamp=at(f"2017-05-0{1 + household % 2} 16:00"),
        )
        for household in range(100, 140)
    ]
    folder = write(tmp_path, rows)
    one = load(Selection(10, date(2017, 5, 1), 1, seed=42), folder)
    two = load(Selection(10, date(2017, 5, 1), 2, seed=42), folder)
    assert set(one.households) < set(two.households)
    assert len(two.households) == 10
    assert set(two.households) != set(
        load(Selection(10, date(2017, 5, 1), 2, 1), folder).households
    )


def test_load_refuses_a_window_nobody_shops_in(tmp_path: Path) -> None:
    folder = write(tmp_path, [transaction()])
    with pytest.raises(LookupError, match="the data set spans 2017"):
        load(Selection(10, date(2019, 5, 1), 2, seed=42), folder)


def test_the_package_has_the_columns_that_are_read() -> None:
    folder = packaged_files()
    transactions = pq.read_schema(folder / "transactions.parquet")
    assert set(transaction()) <= set(transactions.names)
    products = pq.read_schema(folder / "products.parquet")
    assert {"product_id", "department", "brand", "product_type"} <= set(products.names)
