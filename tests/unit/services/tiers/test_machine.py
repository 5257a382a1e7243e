from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from services.tiers.domain.machine import Earned, Life, Step, begin, boundary, notice_at, replay
from services.tiers.domain.programme import Level, Window, start_of
from services.tiers.domain.progress import Sale
from tests.unit.services.tiers.programmes import LEVELS, SHANGHAI, at, life, programme, sale

REVIEW = 376
"""Days from the start to the day after the review of a tier reached on day 10, 11 January."""
END_OF_GRACE = start_of(date(2027, 2, 11), SHANGHAI)


def told(steps: Sequence[Step]) -> list[tuple[str, str, int]]:
    return [(step.reason, step.level.code, step.have) for step in steps]


def lived(sales: Sequence[Sale], day: float, rules: Life | None = None) -> tuple[Earned, list[str]]:
    earned, steps = replay(rules or life(), sales, at(day))
    return earned, [f"{step.reason} {step.level.code}" for step in steps]


@pytest.mark.rule("T3")
def test_tier_rises_at_once_over_as_many_levels_as_are_reached() -> None:
    earned, steps = replay(life(), [sale("a", 1, 999), sale("b", 2, 1), sale("c", 3, 4_000)], at(4))
    assert told(steps) == [("qualified", "SILVER", 1_000), ("qualified", "GOLD", 5_000)]
    assert (earned.rank, earned.since, earned.review_on) == (2, at(3), date(2027, 1, 4))
    _, leap = lived([sale("a", 1, 20_000)], 2)
    assert leap == ["qualified PLATINUM"]


@pytest.mark.rule("T3")
def test_return_takes_no_tier_and_is_judged_at_the_review_one_level_down() -> None:
    sales = [sale("a", 10, 5_000, (11, 5_000))]
    earned, steps = lived(sales, REVIEW - 2)
    assert (earned.rank, earned.in_grace, steps) == (2, False, ["qualified GOLD"])
    earned, steps = lived(sales, REVIEW)
    assert (earned.rank, earned.in_grace, steps[-1]) == (2, True, "grace_started GOLD")
    earned, steps = lived(sales, REVIEW + 30)
    assert (earned.rank, earned.in_grace, steps[-1]) == (1, False, "review_failed SILVER")
    assert earned.since == END_OF_GRACE
    assert earned.review_on == date(2028, 2, 11)


@pytest.mark.rule("T3")
def test_enough_in_the_window_passes_the_review_and_the_next_is_a_year_on() -> None:
    sales = [sale("a", 10, 1_000), sale("b", 200, 1_000)]
    earned, steps = lived(sales, REVIEW)
    assert steps == ["qualified SILVER", "review_passed SILVER"]
    assert (earned.since, earned.review_on) == (at(10), date(2028, 1, 11))


@pytest.mark.rule("T3")
def test_sale_within_the_grace_keeps_the_tier() -> None:
    sales = [sale("a", 10, 1_000), sale("b", REVIEW + 5, 1_000)]
    earned, steps = lived(sales, REVIEW + 90)
    assert steps == ["qualified SILVER", "grace_started SILVER", "review_passed SILVER"]
    assert (earned.rank, earned.since, earned.in_grace) == (1, at(10), False)


@pytest.mark.rule("T3")
def test_sale_at_the_end_of_the_grace_comes_too_late_to_keep_the_tier() -> None:
    first, late = sale("a", 10, 5_000), Sale("b", END_OF_GRACE, 500_000)
    _, steps = replay(life(), [first, late], END_OF_GRACE)
    # It keeps nothing: the tier is lost and reached again.
    assert told(steps)[1:] == [
        ("grace_started", "GOLD", 0),
        ("review_failed", "SILVER", 0),
        ("qualified", "GOLD", 5_000),
    ]


@pytest.mark.rule("T3")
def test_years_without_sales_cost_one_level_each() -> None:
    earned, steps = lived([sale("a", 10, 20_000)], 10 + 4 * 400)
    assert [step for step in steps if step.startswith("review_failed")] == [
        "review_failed GOLD",
        "review_failed SILVER",
        "review_failed BRONZE",
    ]
    assert earned.rank == 0


@pytest.mark.rule("T3")
def test_without_grace_a_failed_review_costs_the_tier_at_once() -> None:
    rules = life(programme(grace_days=0))
    earned, steps = lived([sale("a", 10, 1_000)], REVIEW, rules)
    assert (earned.rank, steps[-1]) == (0, "review_failed BRONZE")


@pytest.mark.rule("T3")
def test_order_in_which_facts_are_given_does_not_matter() -> None:
    sales = [sale("a", 10, 600, (12, 600)), sale("b", 11, 500), sale("c", REVIEW + 3, 1_000)]
    assert lived(sales, 500) == lived(sales[::-1], 500)


@pytest.mark.rule("T2")
@pytest.mark.parametrize(
    ("metric", "threshold"), [("orders", 2), ("spend", 30_000), ("qualifying_points", 300)]
)
def test_each_metric_has_its_own_thresholds(metric: str, threshold: int) -> None:
    levels = (LEVELS[0], Level("SILVER", "Silver", 1, threshold, "1.1"))
    rules = life(programme(metric=metric, levels=levels))
    assert lived([sale("a", 1, 200)], 3, rules)[1] == []
    assert lived([sale("a", 1, 200), sale("b", 2, 100)], 3, rules)[1] == ["qualified SILVER"]


@pytest.mark.rule("T2")
def test_lifetime_never_forgets() -> None:
    rules = life(programme(window=Window("lifetime")))
    earned, steps = lived([sale("a", 10, 600), sale("b", 900, 400)], 2_000, rules)
    assert earned.rank == 1
    assert "grace_started SILVER" not in steps


@pytest.mark.rule("T2", "T3")
def test_yearly_window_is_reviewed_by_the_last_whole_year_too() -> None:
    rules = life(programme(window=Window("calendar_year")))
    # Reached in December, reviewed in December a year later, by what was bought since January.
    kept = [sale("a", 340, 1_000), sale("b", 400, 1_000)]
    assert lived(kept, 720, rules)[1] == ["qualified SILVER", "review_passed SILVER"]
    assert lived(kept[:1], 720, rules)[1] == ["qualified SILVER", "review_passed SILVER"]
    assert lived(kept[:1], 340 + 2 * 366, rules)[1][-1] == "grace_started SILVER"


@pytest.mark.rule("T5")
def test_new_version_lifts_at_once_and_lowers_only_at_the_review() -> None:
    cheap = tuple(Level(e.code, e.name, e.rank, e.threshold // 2, e.multiplier) for e in LEVELS)
    dear = tuple(Level(e.code, e.name, e.rank, e.threshold * 2, e.multiplier) for e in LEVELS)
    sales = [sale("a", 10, 2_500)]
    lifted, steps = lived(
        sales, 60, life(programme(), programme(2, levels=cheap, effective_from=at(50)))
    )
    assert (lifted.version, lifted.since, steps[-1]) == (2, at(50), "programme GOLD")
    harder = life(programme(), programme(2, levels=dear, effective_from=at(50)))
    earned, steps = lived([sale("a", 10, 1_000)], 60, harder)
    assert (earned.version, earned.rank, earned.since) == (2, 1, at(10))
    assert lived([sale("a", 10, 1_000)], REVIEW, harder)[1][-1] == "grace_started SILVER"


@pytest.mark.rule("T5")
def test_version_that_makes_the_tier_cheaper_ends_a_grace_well() -> None:
    cheap = (LEVELS[0], Level("SILVER", "Silver", 1, 10, "1.1"))
    rules = life(programme(), programme(2, levels=cheap, effective_from=at(REVIEW + 5)))
    earned, steps = lived([sale("a", 10, 1_000), sale("b", 100, 20)], REVIEW + 31, rules)
    assert steps[-1] == "review_passed SILVER"
    assert (earned.rank, earned.in_grace) == (1, False)


@pytest.mark.rule("T5")
def test_version_counts_old_sales_by_its_own_window() -> None:
    longer = programme(2, window=Window("rolling", 24), effective_from=at(500))
    sales = [sale("a", 10, 600), sale("b", 420, 500)]
    assert lived(sales, 499, life(programme(), longer))[0].rank == 0
    assert lived(sales, 501, life(programme(), longer))[1][-1] == "programme SILVER"


@pytest.mark.rule("T3")
def test_boundaries_are_ends_of_local_days() -> None:
    earned = begin(life())
    assert boundary(earned, life()) == (start_of(date(2027, 1, 2), SHANGHAI), "review")
    assert notice_at(earned, 0, SHANGHAI) == start_of(date(2026, 12, 2), SHANGHAI)
    assert notice_at(earned, 1, SHANGHAI) == start_of(date(2026, 12, 25), SHANGHAI)


@pytest.mark.rule("T3", "T5")
def test_version_with_less_grace_ends_a_grace_when_it_comes_into_force_not_before() -> None:
    shorter = programme(2, grace_days=5, effective_from=at(REVIEW + 20))
    rules = life(programme(), shorter)
    earned, steps = lived([sale("a", 10, 1_000)], REVIEW + 21, rules)
    assert steps[1:] == ["grace_started SILVER", "programme SILVER", "review_failed BRONZE"]
    assert (earned.since, earned.judged_at) == (at(REVIEW + 20), at(REVIEW + 20))
