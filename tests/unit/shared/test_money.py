from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import decimal_text, share_by_largest_remainder

_WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=40)


@given(total=st.integers(0, 10**12), weights=_WEIGHTS.filter(any))
def test_shares_add_up_and_stay_within_one_of_exact(total: int, weights: list[int]) -> None:
    parts = share_by_largest_remainder(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1


@given(total=st.integers(0, 10**6), weights=_WEIGHTS.filter(any))
def test_no_share_exceeds_its_weight_when_total_does_not(total: int, weights: list[int]) -> None:
    total = min(total, sum(weights))
    parts = share_by_largest_remainder(total, weights)
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))


def test_ties_go_to_the_earlier_place() -> None:
    assert share_by_largest_remainder(2, [1, 1, 1]) == [1, 1, 0]


def test_nothing_is_shared_to_nobody() -> None:
    assert share_by_largest_remainder(0, [0, 0]) == [0, 0]
    assert share_by_largest_remainder(0, []) == []


@pytest.mark.parametrize(("total", "weights"), [(1, [0, 0]), (1, []), (-1, [1]), (1, [2, -1])])
def test_impossible_shares_are_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="total"):
        share_by_largest_remainder(total, weights)


@given(total=st.integers(0, 10**6), weights=_WEIGHTS.filter(any))
def test_shares_by_integers_are_those_by_fractions(total: int, weights: list[int]) -> None:
    exact = share_by_largest_remainder(total, [Fraction(weight) for weight in weights])
    assert share_by_largest_remainder(total, weights) == exact


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1_250, "CNY", "12.50 CNY"),
        (5, "CNY", "0.05 CNY"),
        (5, "JPY", "5 JPY"),
        (5, "KWD", "0.005 KWD"),
    ],
)
def test_amount_for_people_has_the_digits_of_its_currency(
    amount: int, currency: str, text: str
) -> None:
    assert decimal_text(amount, currency) == text
