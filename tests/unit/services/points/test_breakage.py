from __future__ import annotations

import pytest

from services.points.domain.breakage import Age, Flow, ages, forecast

FLOWS = [Flow(0, 600, 0), Flow(1, -300, 0), Flow(3, -300, 150)]
"""1000 earned, of which 400 were spent in the first month and 300 in the second; 300 left in the
fourth, half of them by expiry."""


@pytest.mark.rule("L11")
def test_share_is_what_lapsed_of_what_was_left_at_each_age() -> None:
    assert ages(FLOWS, 1000) == [
        Age(0, 1000, 150), Age(1, 600, 150), Age(2, 300, 150), Age(3, 300, 150),
    ]  # fmt: skip


@pytest.mark.rule("L11")
def test_what_lapsed_at_one_age_is_no_longer_to_lapse_at_the_next() -> None:
    flows = [Flow(1, -500, 200), Flow(0, 1000, 0), Flow(2, -500, 100)]
    known = ages(flows, 1000)
    assert known == [Age(0, 1000, 300), Age(1, 1000, 300), Age(2, 500, 100)]
    assert [forecast({age: 100}, known) for age in (0, 1, 2, 3)] == [30, 30, 20, 20]


@pytest.mark.rule("L11")
def test_ages_end_when_nothing_is_left() -> None:
    assert ages([Flow(0, 0, 0), Flow(1, 0, 0)], 100) == [Age(0, 100, 0)]
    assert ages([Flow(0, 1, 0), Flow(1, -1, 1)], 1) == [Age(0, 1, 1), Age(1, 1, 1)]


@pytest.mark.rule("L11")
def test_forecast_takes_each_part_at_its_age() -> None:
    known = ages(FLOWS, 1000)
    assert forecast({0: 1000}, known) == 150
    assert forecast({1: 100, 2: 100}, known) == 75
    assert forecast({40: 100}, known) == 50
    assert forecast({1: 2}, known) == 1  # a half is rounded up
    assert forecast({}, known) == 0


@pytest.mark.rule("L11")
def test_nothing_is_forecast_without_a_past() -> None:
    assert ages([], 0) == []
    assert forecast({0: 1000}, []) == 0
