"""What best_for_member picks where more than one choice is worth the same (C7)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.coupons.domain import Candidate, Evaluation, Line, Stacking, Validity, evaluate
from services.coupons.domain.search import EXHAUSTIVE_OPTIONS
from tests.unit.services.coupons.examples import NOW, basket, line, own, public

BEST = "best_for_member"


def applied(evaluation: Evaluation) -> list[str]:
    return [each.candidate.code for each in evaluation.applied]


@pytest.mark.rule("C7")
def test_percent_goes_before_amount_where_that_takes_more_off() -> None:
    amount = public("A", value=400, stacking=Stacking("a"), priority=1)
    percent = public("B", kind="percent_off", value=50, stacking=Stacking("b"), priority=2)
    best = evaluate(basket(), [amount, percent], BEST)
    assert applied(best) == ["B", "A"]
    assert best.discount_minor == 900


@pytest.mark.rule("C7")
def test_ties_go_to_what_expires_sooner_then_to_the_lower_id() -> None:
    late, soon = (own(f"{days}", valid_until=NOW + timedelta(days=days)) for days in (9, 2))
    never = own("never")
    assert applied(evaluate(basket(), [never, late, soon], BEST)) == ["2"]
    assert applied(evaluate(basket(), [never, late], BEST)) == ["9"]
    first, second = own("first"), own("second")
    assert applied(evaluate(basket(), [second, first], BEST)) == ["first"]


@pytest.mark.rule("C7")
def test_coupon_is_not_spent_where_the_others_take_off_as_much() -> None:
    alone = public("ALL", value=1_000, stacking=Stacking("a", exclusive=True))
    halves = [public(f"H{n}", value=500, stacking=Stacking(f"h{n}")) for n in range(3)]
    best = evaluate(basket(), [*halves, alone], BEST)
    assert best.discount_minor == 1_000
    assert {each.reason for each in best.skipped} <= {"no_discount", "not_combinable"}


def test_gift_joins_what_takes_money_off() -> None:
    gift = public("G", kind="gift", value=None, gift_sku="mug", stacking=Stacking("g"))
    best = evaluate(basket(), [gift, public("A", stacking=Stacking("a"))], BEST)
    assert (sorted(applied(best)), best.discount_minor) == (["A", "G"], 500)


def test_smaller_discount_is_taken_where_the_budget_does_not_cover_the_larger() -> None:
    percent = public("P", kind="percent_off", value=50, budget_minor=400, stacking=Stacking("p"))
    amount = public("A", value=300, stacking=Stacking("a"))
    # 50 % of 10.00 passes the budget of 4.00; of the 7.00 that A leaves it does not.
    best = evaluate(basket(), [percent, amount], BEST)
    assert (applied(best), best.discount_minor) == (["A", "P"], 650)


@pytest.mark.rule("C7")
def test_200_lines_and_30_codes_are_judged_exactly() -> None:
    lines: list[Line] = [line(str(number), 1_000 + number) for number in range(200)]
    codes: list[Candidate] = [
        public(
            f"C{number}",
            kind="percent_off",
            value=1 + number,
            stacking=Stacking(f"c{number}"),
            validity=Validity(never_expires=True),
        )
        for number in range(30)
    ]
    assert len(codes) > EXHAUSTIVE_OPTIONS
    best = evaluate(basket(*lines), codes, BEST)
    assert set(applied(best)) == {"C25", "C26", "C27", "C28", "C29"}
    assert len(best.skipped) == 25
    for each in best.applied:
        assert sum(off for _, off in each.by_line) == each.discount_minor
