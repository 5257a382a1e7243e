"""Laws of discounts, for every basket and every set of codes."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.coupons.domain import (
    Basket,
    Campaign,
    Candidate,
    Evaluation,
    Line,
    Scope,
    Stacking,
    Terms,
    Validity,
    evaluate,
    message_for,
)
from shared.ids import new_id

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
CATEGORIES = ("a", "b", "c", "d", "e", "f", "g")

KINDS = ("amount_off", "percent_off", "fixed_price", "free_shipping", "gift")

validities = st.sampled_from([None, 1, 2]).map(
    lambda days: Validity(
        never_expires=days is None,
        starts_at=None if days is None else NOW,
        ends_at=None if days is None else NOW + timedelta(days=days),
    )
)
amounts = st.integers(0, 10_000)
lines = st.lists(
    st.builds(
        Line,
        line_id=st.just(""),
        sku=st.sampled_from(["tea", "cup", "pot"]),
        category=st.sampled_from([None, "x", "y"]),
        brand=st.none(),
        kind=st.sampled_from(["product", "product", "product", "shipping", "gift_card"]),
        quantity=st.integers(1, 5),
        net_minor=amounts,
    ),
    min_size=1,
    max_size=12,
)
stackings = st.builds(
    Stacking,
    category=st.sampled_from(CATEGORIES),
    exclusive=st.sampled_from([False, False, False, True]),
    joint_with=st.frozensets(st.sampled_from(CATEGORIES)),
)


@st.composite
def candidates(draw: st.DrawFn) -> Candidate:
    kind = draw(st.sampled_from(KINDS))
    value = draw(st.integers(1, 100 if kind == "percent_off" else 8_000))
    skus = st.frozensets(st.sampled_from(["tea", "cup", "pot"]), min_size=1)
    terms = Terms(
        kind=kind,
        value=None if kind in ("free_shipping", "gift") else value,
        validity=draw(validities),
        max_discount_minor=draw(st.none() | st.integers(1, 5_000)),
        min_spend_minor=draw(st.none() | amounts),
        scope=Scope(skus=draw(st.none() | skus)),
        budget_minor=None if kind == "gift" else draw(st.none() | amounts.filter(bool)),
        gift_sku="mug" if kind == "gift" else None,
        stacking=draw(stackings),
        code_type="public",
        code_value="X",
        priority=draw(st.integers(0, 3)),
    )
    used = {("budget", ""): draw(st.integers(0, 5_000))}
    return Candidate(f"code-{new_id()}", Campaign(new_id(), "x", "published", terms), None, used)


def basket(bought: list[Line]) -> Basket:
    numbered = tuple(
        Line(str(n), x.sku, x.category, x.brand, x.kind, x.quantity, x.net_minor)
        for n, x in enumerate(bought)
    )
    return Basket(lines=numbered, at=NOW, day=date(2026, 3, 10), channel="store")


def off_by_line(evaluation: Evaluation) -> dict[str, int]:
    total: dict[str, int] = {}
    for applied in evaluation.applied:
        for line_id, off in applied.by_line:
            total[line_id] = total.get(line_id, 0) + off
    return total


modes = st.sampled_from(["requested_order", "priority", "best_for_member"])


@pytest.mark.rule("C7")
@settings(max_examples=100, deadline=None)
@given(lines, st.lists(candidates(), max_size=10), modes)
def test_line_discounts_sum_to_the_total_and_no_line_goes_below_zero(
    bought: list[Line], codes: list[Candidate], mode: str
) -> None:
    shopping = basket(bought)
    evaluation = evaluate(shopping, codes, mode)
    for applied in evaluation.applied:
        assert sum(off for _, off in applied.by_line) == applied.discount_minor
        assert (applied.discount_minor == 0) == (applied.campaign.terms.kind == "gift")
        assert all(off > 0 for _, off in applied.by_line)
        assert len(dict(applied.by_line)) == len(applied.by_line)
    totals = off_by_line(evaluation)
    assert sum(totals.values()) == evaluation.discount_minor
    for line in shopping.lines:
        assert 0 <= totals.get(line.line_id, 0) <= line.net_minor
        if line.kind == "gift_card":
            assert line.line_id not in totals


@pytest.mark.rule("C7")
@settings(max_examples=100, deadline=None)
@given(lines, st.lists(candidates(), max_size=12), modes)
def test_every_code_is_answered_once_and_with_a_reason(
    bought: list[Line], codes: list[Candidate], mode: str
) -> None:
    evaluation = evaluate(basket(bought), codes, mode)
    answered = [each.candidate.code for each in evaluation.applied]
    answered += [each.code for each in (*evaluation.skipped, *evaluation.rejected)]
    assert sorted(answered) == sorted(each.code for each in codes)
    for unused in (*evaluation.skipped, *evaluation.rejected):
        assert message_for(unused.reason)


@pytest.mark.rule("C6", "C7")
@settings(max_examples=100, deadline=None)
@given(lines, st.lists(candidates(), max_size=12), modes)
def test_what_is_applied_obeys_stacking_and_budgets(
    bought: list[Line], codes: list[Candidate], mode: str
) -> None:
    applied = evaluate(basket(bought), codes, mode).applied
    stackings = [each.campaign.terms.stacking for each in applied]
    assert len(applied) <= 5
    assert len({each.category for each in stackings}) == len(applied)
    for one in stackings:
        others = {other.category for other in stackings if other is not one}
        assert not one.exclusive or others <= one.joint_with
    for each in applied:
        terms, spent = each.campaign.terms, each.candidate.used["budget", ""]
        assert terms.max_discount_minor is None or each.discount_minor <= terms.max_discount_minor
        assert terms.budget_minor is None or spent + each.discount_minor <= terms.budget_minor


@pytest.mark.rule("C7")
@settings(max_examples=60, deadline=None)
@given(lines, st.lists(candidates(), max_size=5))
def test_best_for_member_equals_brute_force(bought: list[Line], codes: list[Candidate]) -> None:
    shopping = basket(bought[:4])
    best = evaluate(shopping, codes, "best_for_member")
    # Each sequence of some of the codes begins one of all of them, which takes off no less.
    every = [evaluate(shopping, order) for order in permutations(codes)]
    assert best.discount_minor == max(each.discount_minor for each in every)


@pytest.mark.rule("C7")
@settings(max_examples=60, deadline=None)
@given(lines, st.lists(candidates(), max_size=12), st.integers())
def test_best_result_does_not_depend_on_the_order_of_codes(
    bought: list[Line], codes: list[Candidate], seed: int
) -> None:
    shopping, shuffled = basket(bought), codes.copy()
    random.Random(seed).shuffle(shuffled)
    one, other = (evaluate(shopping, each, "best_for_member") for each in (codes, shuffled))
    assert one.applied == other.applied
    for left, right in ((one.skipped, other.skipped), (one.rejected, other.rejected)):
        assert set(left) == set(right)


@pytest.mark.rule("C7")
@settings(max_examples=40, deadline=None)
@given(lines, st.lists(candidates(), min_size=9, max_size=14))
def test_best_of_many_codes_is_no_worse_than_the_plain_modes(
    bought: list[Line], codes: list[Candidate]
) -> None:
    shopping = basket(bought)
    best = evaluate(shopping, codes, "best_for_member").discount_minor
    assert best >= evaluate(shopping, codes, "priority").discount_minor
