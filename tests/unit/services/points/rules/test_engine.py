from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from services.points.domain import rules, sales
from services.points.domain.programme import Programme
from services.points.domain.returns import SoldLine
from services.points.domain.rules import Basket, Caps, LocalTime, Scope, is_kept
from services.points.domain.rules.rounding import apportion, products
from services.points.domain.sales import Line, Sale, Tier
from tests.unit.services.points.rules.cases import (
    DEFAULT,
    NOON,
    ZONE,
    basket,
    judge,
    occasion,
    rule,
    scope,
)

GOLD = Tier("GOLD", Fraction("1.25"))
TEA = scope(categories=["tea"])


@pytest.mark.rule("E1")
@pytest.mark.parametrize("nets", [(4000, 1000), (99,), (50, 50), (150, 150, 150), (0, 0)])
def test_engine_without_rules_awards_as_the_default_rule(nets: tuple[int, ...]) -> None:
    programme = Programme(ZONE, "CNY")
    lines = tuple(Line(str(n), "sku", None, None, "product", 1, net) for n, net in enumerate(nets))
    sale = Sale("s", NOON, "CNY", lines)
    plain = sales.award(sale, sales.price(sale, programme, NOON), GOLD, programme)
    found = judge(Basket(lines, nets), tier=GOLD)
    assert found.by_line == plain.by_line
    assert list(found.explain) == [plain.explain]


@pytest.mark.rule("E2")
def test_steps_follow_one_another_in_their_order() -> None:
    found = judge(
        basket(other=1000, tea=2000),
        rule("addition", "a", value="0.01", scope=TEA),
        rule("multiplier", "m", value="2", scope=TEA),
        rule("threshold_bonus", "t", threshold_minor=3000, points=50),
        tier=GOLD,
    )
    # tea: (20 + 20) x 2 x 1.25 = 100, other: 10 x 1.25 = 12.5; the bonus is not multiplied.
    assert found.by_line == (12, 100)
    assert found.points == 162
    assert [(e["rule"], e["exact"], e["rounded"]) for e in found.explain] == [
        ("base", "37.5", 37), ("a", "25", 25), ("m", "50", 50), ("t", "50", 50),
    ]  # fmt: skip


@pytest.mark.rule("E2")
@pytest.mark.parametrize(
    ("factors", "stackable", "points"),
    [
        (("2", "3"), (), 30),
        (("2", "3"), (0, 1), 60),
        (("2", "3", "5"), (0, 1), 60),
        (("2", "3", "7"), (0, 1), 70),
        (("2",), (0,), 20),
        (("1.5", "1.5"), (0, 1), 22),
    ],
)
def test_largest_multiplier_or_product_of_stackable_ones_counts(
    factors: tuple[str, ...], stackable: tuple[int, ...], points: int
) -> None:
    multipliers = [
        rule("multiplier", f"m{place}", value=factor, stackable=place in stackable)
        for place, factor in enumerate(factors)
    ]
    assert judge(basket(1000), *multipliers).points == points
    assert judge(basket(1000), *multipliers[::-1]).points == points


def test_multiplier_of_some_goods_is_for_no_others() -> None:
    lines = tuple(Line(sku, sku, None, None, "product", 1, 1000) for sku in ("s-1", "s-2"))
    only_one = rule("multiplier", value="2", scope=scope(skus=["s-2"]))
    assert judge(Basket(lines, (1000, 1000)), only_one).by_line == (10, 20)


def test_draft_of_a_multiplier_without_factor_changes_nothing() -> None:
    assert judge(basket(1000), rule("multiplier")).points == 10


def test_points_of_an_addition_come_once_and_are_shared_by_price() -> None:
    found = judge(basket(3000, tea=1000), rule("addition", points=8))
    assert found.by_line == (36, 12)
    only_tea = judge(basket(3000, tea=1000), rule("addition", points=8, scope=TEA))
    assert only_tea.by_line == (30, 18)


def test_scoped_base_rule_comes_before_that_for_everything() -> None:
    everything, tea = rule("base", "a", value="0.02"), rule("base", "b", value="0.05", scope=TEA)
    found = judge(basket(1000, tea=1000), everything, tea)
    assert found.by_line == (20, 50)
    assert [(grant.rule.rule_id, grant.points, grant.line_ids) for grant in found.grants] == [
        ("a", 20, ("1",)), ("b", 50, ("tea",)),
    ]  # fmt: skip
    assert judge(basket(1000, tea=1000), tea).by_line == (10, 50)


SITUATIONS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"stores": ["s-1"]}, {"store_id": "s-1"}, True),
    ({"stores": ["s-1"]}, {"store_id": "s-2"}, False),
    ({"stores": ["s-1"]}, {}, False),
    ({"channels": ["web"]}, {"channel": "web"}, True),
    ({"channels": ["web"]}, {"channel": "store"}, False),
    ({"tiers": ["GOLD"]}, {"tier": GOLD}, True),
    ({"tiers": ["GOLD"]}, {}, False),
    ({"weekdays": ["tue"]}, {}, True),
    ({"weekdays": ["mon", "wed"]}, {}, False),
    # 16:00 UTC on Tuesday is Wednesday in Shanghai.
    ({"weekdays": ["wed"]}, {"at": NOON + timedelta(hours=12)}, True),
    ({"hours": (12, 13)}, {}, True),
    ({"hours": (11, 12)}, {}, False),
    ({"hours": (12, 13)}, {"at": NOON + timedelta(minutes=59)}, True),
    ({"hours": (12, 13)}, {"at": NOON + timedelta(minutes=60)}, False),
    ({"hours": (22, 24)}, {"at": NOON + timedelta(hours=11, minutes=59)}, True),
    ({"hours": (22, 2)}, {"at": NOON + timedelta(hours=13)}, True),
    ({"hours": (22, 2)}, {"at": NOON + timedelta(hours=14)}, False),
    ({"hours": (22, 2)}, {"at": NOON + timedelta(hours=10)}, True),
    ({"hours": (22, 2)}, {"at": NOON + timedelta(hours=9, minutes=59)}, False),
    ({"first_purchase": True}, {"is_first_purchase": True}, True),
    ({"first_purchase": True}, {}, False),
    ({"birthday_month": True}, {"is_birthday_month": True}, True),
    ({"birthday_month": True}, {}, False),
]


@pytest.mark.rule("E2")
@pytest.mark.parametrize(("where", "situation", "applies"), SITUATIONS)
def test_rule_is_for_its_scope_only(
    where: dict[str, Any], situation: dict[str, Any], applies: bool
) -> None:
    double = rule("multiplier", value="2", scope=scope(**where))
    multiplied = judge(basket(10_000), double, **situation)
    assert ("r" in [entry["rule"] for entry in multiplied.explain]) is applies


@pytest.mark.parametrize(
    "where", [{"skus": ["x"]}, {"categories": ["x"]}, {"brands": ["x"]}, {"categories": ["tea"]}]
)
def test_scope_of_goods_leaves_other_lines_alone(where: dict[str, Any]) -> None:
    found = judge(basket(1000, tea=1000), rule("multiplier", value="3", scope=scope(**where)))
    assert found.by_line == (10, 30 if where == {"categories": ["tea"]} else 10)


@pytest.mark.parametrize(("hours", "applies"), [(-1, False), (0, True), (1, True), (2, False)])
def test_window_opens_with_its_first_instant_and_ends_before_its_last(
    hours: int, applies: bool
) -> None:
    window: dict[str, Any] = {"valid_from": NOON, "valid_until": NOON + timedelta(hours=2)}
    found = judge(
        basket(1000), rule("multiplier", value="2", **window), at=NOON + timedelta(hours=hours)
    )
    assert found.points == (20 if applies else 10)


@pytest.mark.rule("E3")
def test_cap_cuts_its_rule_and_is_explained() -> None:
    double = rule("multiplier", value="3", caps=Caps(per_sale=15))
    found = judge(basket(1000, 500), double)
    assert (found.points, found.by_line) == (30, (20, 10))
    entry = found.explain[1]
    assert (entry["exact"], entry["rounded"]) == ("30", 15)
    assert (entry["inputs"]["cap"], entry["inputs"]["cap_left"]) == ("per_sale", 15)
    assert found.used == {"r": 15}


@pytest.mark.rule("E3")
def test_bonus_of_which_a_cap_leaves_nothing_is_explained() -> None:
    bonus = rule("threshold_bonus", threshold_minor=1, points=50, caps=Caps(total=1))
    when = occasion()

    counter = rules.counters(bonus, "m", when.local.date())[0][1]
    rooms = rules.rooms([bonus], "m", when.local.date(), {counter: 1})
    found = rules.judge(basket(1000), [bonus], when, rooms, DEFAULT)
    assert found.points == 10
    assert found.explain[1]["inputs"]["cap"] == "total"
    assert found.explain[1]["rounded"] == 0
    assert found.used == {}


@pytest.mark.rule("E3")
@pytest.mark.parametrize(
    ("limit", "given", "cap"),
    [(49, 49, {"cap": "per_sale", "cap_left": 49}), (50, 50, {}), (None, 50, {})],
)
def test_bonus_says_what_it_counted_and_which_cap_cut_it(
    limit: int | None, given: int, cap: dict[str, Any]
) -> None:
    bonus = rule(
        "threshold_bonus",
        threshold_minor=1500,
        points=50,
        scope=TEA,
        caps=Caps(per_sale=limit),
    )
    found = judge(basket(1000, tea=2000), bonus)
    assert found.explain[1] == {
        "rule": "r",
        "version": 1,
        "rule_id": "r",
        "inputs": {"eligible_minor": 2000, "threshold_minor": 1500, "points": 50} | cap,
        "exact": "50",
        "rounded": given,
        "lines": [],
    }
    assert [(grant.points, grant.line_ids) for grant in found.grants] == [
        (30, ("1", "tea")), (given, ("tea",)),
    ]  # fmt: skip
    assert found.used == ({} if limit is None else {"r": given})


@pytest.mark.parametrize(("net", "points"), [(4999, 49), (5000, 150)])
def test_bonus_comes_when_its_threshold_is_reached(net: int, points: int) -> None:
    assert judge(basket(net), rule("threshold_bonus", threshold_minor=5000, points=100)).points == (
        points
    )


def test_bonus_counts_its_own_lines_only() -> None:
    bonus = rule("threshold_bonus", threshold_minor=1500, points=100, scope=TEA)
    assert judge(basket(1000, tea=1000), bonus).points == 20
    assert judge(basket(1000, tea=1500), bonus).points == 125


def test_award_beyond_all_measure_is_held_to_what_the_wire_takes() -> None:
    multipliers = [rule("multiplier", f"m{n}", value="100", stackable=True) for n in range(5)]
    assert judge(basket(10**12), rule("base", "b", value="10"), *multipliers).points == 10**12


def sold(line_id: str, value: int, refunded: int = 0, **more: int) -> SoldLine:
    return SoldLine(
        line_id, 1, value, 0, more.pop("eligible", value), refunded_minor=refunded, **more
    )


@pytest.mark.rule("S2")
@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ([sold("a", 6000), sold("b", 4000)], True),
        ([sold("a", 6000, 2000), sold("b", 4000)], False),
        ([sold("a", 6000), sold("b", 4000), sold("c", 4000, 4000)], True),
        ([sold("a", 12000, 2000, eligible=6000), sold("b", 5000)], True),
        ([sold("a", 12000, 2001, eligible=6000), sold("b", 5000)], False),
        ([sold("a", 6000), sold("b", 4000, returned_quantity=1)], False),
    ],
)
def test_bonus_is_kept_while_its_lines_reach_the_threshold(
    lines: list[SoldLine], kept: bool
) -> None:
    assert is_kept(10_000, ["a", "b"], lines) is kept


@pytest.mark.rule("S2")
def test_bonus_without_threshold_goes_when_nothing_is_kept() -> None:
    assert is_kept(0, ["a"], [sold("a", 100, 99)])
    assert not is_kept(0, ["a"], [sold("a", 100, 100)])
    assert not is_kept(0, ["a"], [sold("a", 100, returned_quantity=1)])


def test_apportion_gives_what_is_left_to_the_largest_remainders() -> None:
    assert apportion([Fraction(3, 2), Fraction(3, 2), Fraction(5, 4)]) == [2, 1, 1]
    assert apportion([]) == []


@pytest.mark.rule("E1")
def test_programme_s_own_rule_gives_its_rate_to_everything() -> None:
    own = rules.default_base(Fraction(1, 50))
    assert own == rules.Rule("base", 1, "base", "base", Scope(), Fraction(1, 50))


def test_window_that_ends_when_it_begins_contains_no_minute() -> None:
    window = LocalTime(540, 540)
    assert window.is_empty
    assert not any(window.contains(minute) for minute in (0, 539, 540, 541, 1439))


def test_open_scope_restricts_nothing() -> None:
    assert Scope().is_open
    assert not scope(tiers=["GOLD"]).is_open


@pytest.mark.parametrize("rate", ["0.01", "1/3", "2.5", "0", "0.0125"])
def test_products_are_written_as_exact_numbers_are(rate: str) -> None:
    amounts = [0, 1, 3, 40, 1999]
    expected = [sales.exact_text(amount * Fraction(rate)) for amount in amounts]
    assert products(Fraction(rate), amounts) == expected
