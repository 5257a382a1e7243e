from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from services.points.domain.rules import Basket, Caps
from services.points.domain.sales import Line, Tier
from tests.unit.services.points.rules.cases import basket, judge, rule, scope

GOLD = Tier("GOLD", Fraction("1.25"))
TEA = scope(categories=["tea"])
OF_TIER = {"multiplier": "1.25", "tier": "GOLD"}


def published(rule_id: str) -> dict[str, Any]:
    return {"rule": rule_id, "version": 1, "rule_id": rule_id}


@pytest.mark.rule("E3")
def test_each_step_says_what_it_gave_to_which_line_and_why() -> None:
    found = judge(
        basket(other=1000, tea=2000),
        rule("addition", "a", value="0.01", scope=TEA),
        rule("multiplier", "m", value="2", scope=TEA),
        rule("addition", "p", points=8),
        tier=GOLD,
    )
    # other: (10 + 8/3) x 1.25 = 15.83; tea: (20 + 20 + 16/3) x 2 x 1.25 = 113.33; in all 129.17.
    assert found.by_line == (16, 113)
    assert list(found.explain) == [
        {
            "rule": "base",
            "version": 1,
            "inputs": {"eligible_minor": 3000, "rate": "0.01"} | OF_TIER,
            "exact": "37.5",
            "rounded": 37,
            "lines": [
                {"line_id": "other", "eligible_minor": 1000, "points": 16},
                {"line_id": "tea", "eligible_minor": 2000, "points": 113},
            ],
        },
        published("a")
        | {
            "inputs": {"eligible_minor": 2000, "rate": "0.01"} | OF_TIER,
            "exact": "25",
            "rounded": 25,
            "lines": [{"line_id": "tea", "eligible_minor": 2000, "exact": "25"}],
        },
        published("p")
        | {
            "inputs": {"eligible_minor": 3000, "points": 8} | OF_TIER,
            "exact": "10",
            "rounded": 10,
            "lines": [
                {"line_id": "other", "eligible_minor": 1000, "exact": "10/3"},
                {"line_id": "tea", "eligible_minor": 2000, "exact": "20/3"},
            ],
        },
        published("m")
        | {
            "inputs": {"eligible_minor": 2000, "factor": "2"} | OF_TIER,
            "exact": "170/3",
            "rounded": 57,
            "lines": [{"line_id": "tea", "eligible_minor": 2000, "exact": "170/3"}],
        },
    ]


@pytest.mark.rule("E3")
def test_award_of_each_base_rule_carries_the_reasons_of_its_own_lines() -> None:
    found = judge(
        basket(1000, 500, tea=2000),
        rule("base", "b", value="0.05", scope=TEA),
        rule("multiplier", "m", value="2", scope=TEA),
    )
    assert [
        (grant.rule.rule_id, grant.points, grant.line_ids, [e["rule"] for e in grant.explain])
        for grant in found.grants
    ] == [("base", 15, ("1", "2"), ["base"]), ("b", 200, ("tea",), ["b", "m"])]


@pytest.mark.rule("E1", "E3")
def test_line_that_earns_nothing_is_explained_by_its_base_rule_only() -> None:
    lines = (
        Line("card", "gift", None, None, "gift_card", 1, 700),
        Line("bag", "s-1", None, "Acme", "product", 1, 1000),
    )
    found = judge(
        Basket(lines, (0, 1000)),
        rule("addition", "a", points=3),
        rule("multiplier", "m", value="2", scope=scope(brands=["Acme"])),
        rule("multiplier", "n", value="1.5", scope=scope(skus=["gift"])),
    )
    assert found.by_line == (0, 26)
    assert [[line["line_id"] for line in entry["lines"]] for entry in found.explain] == [
        ["card", "bag"], ["bag"], ["bag"],
    ]  # fmt: skip


@pytest.mark.rule("E3")
@pytest.mark.parametrize(("limit", "is_cut"), [(19, True), (20, False), (21, False)])
def test_cap_of_a_rule_of_lines_is_named_only_where_it_cut(limit: int, is_cut: bool) -> None:
    triple = rule("multiplier", value="3", caps=Caps(per_sale=limit))
    found = judge(basket(1000), triple)
    entry = found.explain[1]
    assert entry["inputs"] == {
        "factor": "3", "eligible_minor": 1000, "multiplier": "1", "tier": "BRONZE",
    } | ({"cap": "per_sale", "cap_left": 19} if is_cut else {})  # fmt: skip
    assert (entry["exact"], entry["rounded"]) == ("20", min(limit, 20))
    assert found.points == 10 + min(limit, 20)
    assert found.used == {"r": min(limit, 20)}


@pytest.mark.rule("E3")
def test_draft_is_explained_without_id() -> None:
    draft = replace(rule("multiplier", value="2"), version=0)
    assert "rule_id" in judge(basket(1000), replace(draft, version=1)).explain[1]
    assert "rule_id" not in judge(basket(1000), draft).explain[1]


def test_rule_for_goods_that_were_not_sold_is_not_mentioned() -> None:
    found = judge(
        basket(1000),
        rule("addition", "a", value="0.01", scope=TEA),
        rule("addition", "p", points=5, scope=TEA),
        rule("multiplier", "m", value="2", scope=TEA),
        rule("threshold_bonus", "t", threshold_minor=0, points=5, scope=TEA),
    )
    assert [entry["rule"] for entry in found.explain] == ["base"]
    assert found.points == 10
    teas, all_goods = rule("addition", "a", points=5, scope=TEA), rule("addition", "z", points=7)
    assert judge(basket(1000), teas, all_goods).points == 17


def test_multipliers_multiply_what_additions_gave_where_the_base_gives_nothing() -> None:
    nothing = rule("base", "b", value="0")
    double = rule("multiplier", "m", value="2")
    assert judge(basket(1000), nothing, double).explain[1:] == ()
    added = judge(basket(1000), nothing, double, rule("addition", "a", points=4))
    assert [(entry["rule"], entry["rounded"]) for entry in added.explain] == [
        ("b", 0), ("a", 4), ("m", 4),
    ]  # fmt: skip
