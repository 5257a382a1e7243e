from __future__ import annotations

import pytest

from services.tiers.domain.progress import Progress, facts_of, qualifying_points, worth
from tests.unit.services.tiers.programmes import LONG_AGO, at, sale


@pytest.mark.rule("T1")
@pytest.mark.parametrize(
    ("payable_minor", "refunded_minor", "points"),
    [(99, 0, 0), (100, 0, 1), (199, 0, 1), (10_050, 51, 99), (10_050, 50, 100), (500, 600, 0)],
)
def test_qualifying_points_are_whole_units_kept_and_never_negative(
    payable_minor: int, refunded_minor: int, points: int
) -> None:
    assert qualifying_points(payable_minor, refunded_minor) == points


@pytest.mark.rule("T2")
@pytest.mark.parametrize(
    ("metric", "whole", "half", "none"),
    [("qualifying_points", 100, 50, 0), ("spend", 10_000, 5_000, 0), ("orders", 1, 1, 0)],
)
def test_metric_says_what_a_sale_is_worth_after_returns(
    metric: str, whole: int, half: int, none: int
) -> None:
    found = [worth(metric, 10_000, back) for back in (0, 5_000, 10_000)]
    assert found == [whole, half, none]


@pytest.mark.rule("T3")
def test_refund_counts_from_its_own_instant_and_after_its_sale() -> None:
    course = facts_of([sale("a", 1, 600, (1, 600)), sale("b", 0.5, 100, (0.2, 50))])
    assert [(fact.sale_id, fact.is_refund) for fact in course] == [
        ("b", False),
        ("b", True),
        ("a", False),
        ("a", True),
    ]


@pytest.mark.rule("T2")
def test_window_forgets_sales_and_what_comes_back_of_them_later() -> None:
    progress = Progress("qualifying_points")
    facts = facts_of([sale("a", 1, 700, (9, 700)), sale("b", 2, 40, (3, 10), (4, 5))])
    seen = []
    for fact in facts:
        progress.take(fact)
        seen.append(progress.slide(LONG_AGO if fact.at < at(9) else at(1)))
    assert seen == [700, 740, 730, 730, 30]
    assert progress.slide(at(2)) == 0
