from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from services.points.domain.programme import Programme
from services.points.domain.sales import (
    Line,
    Price,
    Sale,
    Tier,
    award,
    eligible_minor,
    exact_text,
    price,
    tier_at,
)
from shared.errors import Invalid, LoyaltyError
from shared.errors.points import CurrencyMismatch, MemberRequired

NOW = datetime(2026, 3, 10, tzinfo=UTC)
PROGRAMME = Programme(ZoneInfo("Asia/Shanghai"), "CNY")
BRONZE = Tier("BRONZE", Fraction(1))


def line(line_id: str, net: int, discount: int = 0, kind: str = "product") -> Line:
    return Line(line_id, "sku", None, None, kind, 1, net, discount)


def sale(*lines: Line, **fields: Any) -> Sale:
    return Sale("s", NOW, "CNY", lines, uuid4(), **fields)


def points_of(subject: Sale, tier: Tier = BRONZE) -> tuple[int, ...]:
    return award(subject, price(subject, PROGRAMME, NOW), tier, PROGRAMME).by_line


@pytest.mark.rule("E1")
@pytest.mark.parametrize(
    ("nets", "multiplier", "points"),
    [
        ((4000, 1000), "1", (40, 10)),
        ((99,), "1", (0,)),
        ((99, 1), "1", (1, 0)),
        ((50, 50), "1", (1, 0)),
        ((49, 51), "1", (0, 1)),
        ((150, 150, 150), "1", (2, 1, 1)),
        ((333, 333, 334), "1", (3, 3, 4)),
        ((1000,), "1.1", (11,)),
        ((90, 90), "1.1", (1, 0)),
        ((0, 0), "1.5", (0, 0)),
        # 0.1 + 0.2 in binary floats would give 0.30000000000000004.
        ((100, 200), "3.3333333333", (3, 6)),
    ],
)
def test_order_is_floored_once_and_lines_add_up(
    nets: tuple[int, ...], multiplier: str, points: tuple[int, ...]
) -> None:
    lines = [line(str(place), net) for place, net in enumerate(nets)]
    assert points_of(sale(*lines), Tier("T", Fraction(multiplier))) == points


@pytest.mark.rule("E1")
def test_coupons_points_and_other_kinds_lower_the_base() -> None:
    subject = sale(
        line("a", 3000, 1000),
        line("b", 1000, kind="shipping"),
        line("c", 1000),
        points_to_redeem=400,
    )
    cost = price(subject, PROGRAMME, NOW)
    assert (cost.gross_minor, cost.discount_minor, cost.points_minor) == (5000, 1000, 400)
    assert cost.payable_minor == 3600
    assert cost.tender == (200, 100, 100)
    assert eligible_minor(subject, cost) == [1800, 0, 900]
    found = award(subject, cost, BRONZE, PROGRAMME)
    assert (found.points, found.by_line) == (27, (18, 0, 9))


@pytest.mark.rule("E3")
def test_explanation_gives_inputs_exact_and_rounded() -> None:
    subject = sale(line("a", 1999))
    gold = Tier("GOLD", Fraction("1.25"))
    found = award(subject, price(subject, PROGRAMME, NOW), gold, PROGRAMME).explain
    assert found == {
        "rule": "base",
        "version": 1,
        "inputs": {"eligible_minor": 1999, "rate": "0.01", "multiplier": "1.25", "tier": "GOLD"},
        "exact": "24.9875",
        "rounded": 24,
        "lines": [{"line_id": "a", "eligible_minor": 1999, "points": 24}],
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(5), "5"),
        (Fraction(0), "0"),
        (Fraction(1, 2), "0.5"),
        (Fraction(6875, 100), "68.75"),
        (Fraction(1, 100), "0.01"),
        (Fraction(10005, 1000), "10.005"),
        (Fraction(1, 3), "1/3"),
    ],
)
def test_exact_numbers_are_written_exactly(value: Fraction, text: str) -> None:
    assert exact_text(value) == text


@pytest.mark.rule("H3")
@pytest.mark.parametrize(("redeem", "fits"), [(99, False), (100, True), (500, True), (501, False)])
def test_points_pay_from_a_hundred_to_half(redeem: int, fits: bool) -> None:
    subject = sale(line("a", 1500, 500), points_to_redeem=redeem)
    if fits:
        assert price(subject, PROGRAMME, NOW).points_minor == redeem
    else:
        with pytest.raises(LoyaltyError) as caught:
            price(subject, PROGRAMME, NOW)
        assert caught.value.extra == {"minimum": 100, "maximum": 500}


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((line("a", 100, 101),), "discount_too_large"),
        ((line("a", 10**12), line("b", 1)), "too_large"),
    ],
)
def test_impossible_amounts_are_refused(lines: tuple[Line, ...], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        price(sale(*lines), PROGRAMME, NOW)
    (error,) = caught.value.errors
    assert (error.field, error.code) == ("lines", code)
    assert error.message


def test_lines_whose_discount_is_too_large_are_named() -> None:
    with pytest.raises(Invalid) as caught:
        price(sale(line("a", 1, 2), line("b", 2, 2), line("c", 3, 4)), PROGRAMME, NOW)
    assert [error.message for error in caught.value.errors] == ["a, c"]


def test_largest_sale_is_taken() -> None:
    assert price(sale(line("a", 10**12)), PROGRAMME, NOW).gross_minor == 10**12


def test_money_alone_pays_what_coupons_leave() -> None:
    cost = price(sale(line("a", 3000, 1000), line("b", 500)), PROGRAMME, NOW)
    assert cost == Price(3500, 1000, 0, (0, 0))
    assert cost.totals == {
        "gross_minor": 3500, "discount_minor": 1000, "points_minor": 0, "payable_minor": 2500,
    }  # fmt: skip


def test_sale_in_another_currency_is_refused() -> None:
    with pytest.raises(CurrencyMismatch):
        price(replace(sale(line("a", 100)), currency="USD"), PROGRAMME, NOW)


def test_sale_without_member_pays_no_points() -> None:
    with pytest.raises(MemberRequired):
        price(replace(sale(line("a", 900), points_to_redeem=100), member_id=None), PROGRAMME, NOW)


@pytest.mark.rule("T8")
def test_tier_is_the_last_that_had_begun() -> None:
    tiers = [
        Tier("SILVER", Fraction("1.1"), NOW - timedelta(days=9)),
        Tier("GOLD", Fraction("1.25"), NOW),
    ]
    tick = timedelta(microseconds=1)
    at = [NOW - timedelta(days=10), NOW - timedelta(days=9), NOW - tick, NOW, NOW + tick]
    assert [tier_at(tiers, instant, PROGRAMME).code for instant in at] == [
        "BRONZE", "SILVER", "SILVER", "GOLD", "GOLD",
    ]  # fmt: skip
    assert tier_at(tiers, at[0], PROGRAMME) == BRONZE
    assert tier_at([Tier("SILVER", Fraction(2))], at[0], PROGRAMME).code == "SILVER"
