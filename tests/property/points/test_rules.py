"""Laws of the earning rules that hold for every basket and every set of rules."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.points.domain.rules import (
    Basket,
    Caps,
    Judgement,
    Occasion,
    Rule,
    Scope,
    default_base,
    judge,
    rooms,
)
from services.points.domain.sales import Line, Tier

AT = datetime(2026, 3, 10, 4, tzinfo=UTC)
CATEGORIES = ("tea", "coffee", "cups")
RATES = st.sampled_from(["0", "0.01", "0.005", "0.333", "1"])
FACTORS = st.sampled_from(["1", "1.1", "1.5", "2", "3.7"])
SCOPES = st.one_of(
    st.just(Scope()),
    st.sets(st.sampled_from(CATEGORIES), min_size=1).map(lambda c: Scope(categories=frozenset(c))),
)
CAPS = st.one_of(
    st.just(Caps()),
    st.builds(
        Caps,
        per_sale=st.one_of(st.none(), st.integers(1, 50)),
        per_member_per_day=st.one_of(st.none(), st.integers(1, 50)),
        total=st.one_of(st.none(), st.integers(1, 50)),
    ),
)


@st.composite
def sold(draw: st.DrawFn) -> Basket:
    amounts = draw(st.lists(st.integers(0, 20_000), min_size=1, max_size=5))
    lines = tuple(
        Line(str(n), "s", draw(st.sampled_from(CATEGORIES)), None, "product", 1, amount)
        for n, amount in enumerate(amounts)
    )
    return Basket(lines, tuple(amounts))


@st.composite
def published(draw: st.DrawFn) -> list[Rule]:
    found = []
    for number in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["addition", "multiplier", "threshold_bonus"]))
        fields: dict[str, Any] = {"scope": draw(SCOPES), "caps": draw(CAPS)}
        if kind == "multiplier":
            fields |= {"value": Fraction(draw(FACTORS)), "stackable": draw(st.booleans())}
        elif kind == "addition" and draw(st.booleans()):
            fields["value"] = Fraction(draw(RATES))
        else:
            fields["points"] = draw(st.integers(1, 99))
        if kind == "threshold_bonus":
            fields["threshold_minor"] = draw(st.integers(0, 20_000))
        found.append(Rule(f"r{number}", 1, f"r{number}", kind, **fields))
    base = Rule("base-1", 1, "b", "base", value=Fraction(draw(RATES)), caps=draw(CAPS))
    return [*found, base] if draw(st.booleans()) else found


TIERS = st.sampled_from(["1", "1.1", "1.25", "0.333"]).map(lambda m: Tier("T", Fraction(m)))


def judged(basket: Basket, rules: Sequence[Rule], tier: Tier) -> Judgement:
    when = Occasion(AT, AT, tier)
    return judge(
        basket, rules, when, rooms(rules, "m", AT.date(), {}), default_base(Fraction(1, 100))
    )


@pytest.mark.rule("E1", "E2", "E3")
@settings(max_examples=300, deadline=None)
@given(basket=sold(), rules=published(), tier=TIERS, seed=st.integers(0, 9))
def test_awards_add_up_stay_within_caps_and_do_not_depend_on_order(
    basket: Basket, rules: list[Rule], tier: Tier, seed: int
) -> None:
    found = judged(basket, rules, tier)
    shuffled = random.Random(seed).sample(rules, len(rules))
    assert judged(basket, shuffled, tier) == found
    # Lines, rules and grants give the same sum, each by itself.
    by_kind = {rule.rule_id: rule.kind for rule in rules}
    bonuses = sum(
        entry["rounded"]
        for entry in found.explain
        if by_kind.get(entry.get("rule_id", ""), "base") == "threshold_bonus"
    )
    assert sum(found.by_line) + bonuses == found.points
    assert sum(entry["rounded"] for entry in found.explain) == found.points
    shown = {part["line_id"]: part["points"] for entry in found.explain
             for part in entry["lines"] if "points" in part}  # fmt: skip
    assert tuple(shown[line.line_id] for line in basket.lines) == found.by_line
    # Nobody gives more than the caps let it, and nothing is negative.
    for entry in found.explain:
        assert 0 <= entry["rounded"] <= ceil(Fraction(entry["exact"]))
        caps = next((r.caps for r in rules if r.rule_id == entry.get("rule_id")), Caps())
        limits = [caps.per_sale, caps.per_member_per_day, caps.total]
        assert all(limit is None or entry["rounded"] <= limit for limit in limits)
    assert all(points >= 0 for points in found.by_line)
