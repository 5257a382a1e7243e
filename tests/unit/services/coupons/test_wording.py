from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.coupons.domain import Limits, Scope, Stacking, Validity, conditions, headline
from tests.unit.services.coupons.examples import terms

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.rule("C5")
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ({"value": 1_250}, "12.50 CNY off"),
        ({"kind": "percent_off", "value": 10}, "10 % off"),
        (
            {"kind": "percent_off", "value": 10, "max_discount_minor": 500},
            "10 % off, 5.00 CNY at most",
        ),
        ({"kind": "fixed_price", "value": 990}, "9.90 CNY apiece"),
        ({"kind": "gift", "value": None, "gift_sku": "MUG-1"}, "A gift: MUG-1"),
        ({"kind": "free_shipping", "value": None}, "Free shipping"),
    ],
)
def test_kind_is_spelt_out(kind: dict[str, Any], text: str) -> None:
    assert headline(terms(**kind), "CNY") == text


@pytest.mark.rule("C5")
@pytest.mark.parametrize(
    ("validity", "until", "text"),
    [
        (Validity(never_expires=True), None, "It never expires."),
        (Validity(), None, "Its expiry is not decided yet."),
        (
            Validity(days_after_issue=1),
            datetime(2026, 3, 11, 16, tzinfo=UTC),
            "Good until the end of 2026-03-11 (Asia/Shanghai).",
        ),
        (
            Validity(),
            datetime(2026, 3, 11, 15, tzinfo=UTC),
            "Good until 2026-03-11 23:00 (Asia/Shanghai).",
        ),
    ],
)
def test_expiry_is_the_first_condition(
    validity: Validity, until: datetime | None, text: str
) -> None:
    said = conditions(terms(validity=validity), until, zone=SHANGHAI, currency="CNY")
    assert said == [text]


def test_every_restriction_is_said() -> None:
    said = conditions(
        terms(
            min_spend_minor=5_000,
            scope=Scope(skus=frozenset(f"s{number}" for number in range(7))),
            excluded=Scope(tiers=frozenset({"GOLD"})),
            limits=Limits(total=9, per_member=2, per_member_per_day=1, per_store=5),
            stacking=Stacking(exclusive=True, joint_with=frozenset({"tea"})),
        ),
        None,
        zone=SHANGHAI,
        currency="CNY",
    )
    assert said[1:] == [
        "The covered goods cost 50.00 CNY or more before discounts.",
        "Only for articles s0, s1, s2, s3, s4 and 2 more.",
        "Not for tiers GOLD.",
        "At most 2 a member.",
        "At most 1 a member and day.",
        "At most 5 a store, while they last.",
        "While they last.",
        "It combines only with coupons of tea.",
    ]
