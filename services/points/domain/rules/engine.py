"""Judging a sale by its rules (E1, E2): exact contributions, one floor, parts that add up.

All that rules give to a line is in proportion to its price. So lines are put together that the same
rules are for, and exact fractions are worked out once for each such class, not for each line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from services.points.domain.rules.bonuses import grant_bonuses
from services.points.domain.rules.caps import Room
from services.points.domain.rules.occasion import Occasion, covers, is_live
from services.points.domain.rules.outcome import Explanation, Grant, Judgement, cut, explanation
from services.points.domain.rules.rounding import apportion, products, share
from services.points.domain.rules.rule import ADDITION, BASE, MULTIPLIER, THRESHOLD_BONUS, Rule
from services.points.domain.sales import Line, Tier, exact_text

MOST_POINTS = 10**12
"""Most that one sale earns, whatever its rules multiply to: as much as one field on the wire."""
_NONE = Fraction(0)


@dataclass(frozen=True, slots=True)
class Basket:
    """The lines of a sale, and what of each earns points (E1)."""

    lines: tuple[Line, ...]
    eligible: tuple[int, ...]
    """Minor units of each line that were paid in money for a product."""


@dataclass(slots=True)
class _Class:
    """Lines that the same rules are for."""

    base: Rule
    others: tuple[Rule, ...]
    """Additions and multipliers that are for these lines."""
    places: list[int] = field(default_factory=list)
    worth: int = 0
    """What earns points of them together."""


@dataclass(slots=True)
class _Row:
    """What one rule gives, exactly: so many points a minor unit to each class of lines."""

    rule: Rule
    rates: dict[int, Fraction]
    """By the number of the class."""
    inputs: dict[str, Any]
    exact: Fraction = _NONE
    """Its sum before any cap."""
    rounded: int = 0
    """Its share of the sale's whole points."""


def judge(
    basket: Basket,
    rules: Iterable[Rule],
    occasion: Occasion,
    rooms: Mapping[str, Room],
    default: Rule,
) -> Judgement:
    """Return what a sale earns by the rules that are live for it.

    Args:
        basket: What was sold.
        rules: Published at the time of the sale; their order does not count.
        occasion: When, where and for whom.
        rooms: What each rule with caps may still give, by rule id.
        default: Base rule of the lines that no other base rule is for.
    """
    live = sorted((r for r in rules if is_live(r, occasion)), key=lambda rule: rule.rule_id)
    classes = _classify(basket, live, default)
    rows = [*_base_rows(classes), *_addition_rows(classes, _of_kind(live, ADDITION))]
    rows += _multiplier_rows(classes, _of_kind(live, MULTIPLIER), rows)
    _multiply_by_tier(rows, classes, occasion.tier)
    _cut(rows, classes, rooms)
    by_line = _round(basket, rows, classes)
    explain = [_explain(basket, classes, row, by_line) for row in rows]
    bonuses = grant_bonuses(basket.lines, basket.eligible, _of_kind(live, THRESHOLD_BONUS), rooms)
    grants = [*_line_grants(basket, classes, by_line, explain), *bonuses]
    used = {row.rule.rule_id: row.rounded for row in rows}
    used |= {bonus.rule.rule_id: bonus.points for bonus in bonuses}
    return Judgement(
        by_line=tuple(by_line),
        grants=tuple(grant for grant in grants if grant.points),
        explain=(*explain, *(entry for bonus in bonuses for entry in bonus.explain)),
        used={rule_id: points for rule_id, points in used.items() if points and rule_id in rooms},
    )


def _of_kind(rules: Sequence[Rule], kind: str) -> list[Rule]:
    return [rule for rule in rules if rule.kind == kind]


def _classify(basket: Basket, live: Sequence[Rule], default: Rule) -> list[_Class]:
    """Put lines together by their rules; those that earn nothing have a base rule and no more.

    A line's base rule is one for its like, else one for everything, else the default. At publish it
    was made sure that no two of a sort are for the same line.
    """
    bases = sorted(_of_kind(live, BASE), key=lambda rule: rule.scope.is_open)
    others = [rule for rule in live if rule.kind in (ADDITION, MULTIPLIER)]
    found: dict[tuple[str, ...], _Class] = {}
    for place, (line, amount) in enumerate(zip(basket.lines, basket.eligible, strict=True)):
        base = next((rule for rule in bases if covers(rule.scope, line)), default)
        mine = tuple(rule for rule in others if amount and covers(rule.scope, line))
        key = (base.rule_id, *(rule.rule_id for rule in mine))
        of_kind = found.setdefault(key, _Class(base, mine))
        of_kind.places.append(place)
        of_kind.worth += amount
    return [*found.values()]


def _having(classes: Sequence[_Class], rule: Rule) -> list[int]:
    return [number for number, each in enumerate(classes) if rule in each.others]


def _worth(classes: Sequence[_Class], numbers: Iterable[int]) -> int:
    return sum(classes[number].worth for number in numbers)


def _base_rows(classes: Sequence[_Class]) -> list[_Row]:
    rows: dict[str, _Row] = {}
    for number, each in enumerate(classes):
        rule, rate = each.base, each.base.value or _NONE
        inputs = {"eligible_minor": 0, "rate": exact_text(rate)}
        row = rows.setdefault(rule.rule_id, _Row(rule, {}, inputs))
        row.rates[number] = rate
        row.inputs["eligible_minor"] += each.worth
    return [*rows.values()]


def _addition_rows(classes: Sequence[_Class], rules: Sequence[Rule]) -> list[_Row]:
    """Add to lines by their price: so much a minor unit, or so many points once, shared by it."""
    rows = []
    for rule in rules:
        numbers = _having(classes, rule)
        worth = _worth(classes, numbers)
        if not worth:
            continue
        inputs: dict[str, Any] = {"eligible_minor": worth}
        if rule.value is None:
            inputs["points"] = rule.points
            rate = Fraction(rule.points or 0, worth)
        else:
            inputs["rate"] = exact_text(rule.value)
            rate = rule.value
        rows.append(_Row(rule, dict.fromkeys(numbers, rate), inputs))
    return rows


def _multiplier_rows(
    classes: Sequence[_Class], rules: Sequence[Rule], before: Sequence[_Row]
) -> list[_Row]:
    """Multiply what lines have so far, each by the multipliers that are good for it.

    Those marked stackable multiply one another; any other stands alone. Of what that leaves to
    choose from, the largest factor counts.
    """
    rows = {rule.rule_id: _Row(rule, {}, {"factor": exact_text(_factor(rule))}) for rule in rules}
    for number, each in enumerate(classes):
        so_far = sum((row.rates.get(number, _NONE) for row in before), _NONE)
        if not so_far or not each.worth:
            continue
        for rule in _strongest(_of_kind(each.others, MULTIPLIER)):
            rows[rule.rule_id].rates[number] = so_far * (_factor(rule) - 1)
            so_far *= _factor(rule)
    for row in rows.values():
        row.inputs["eligible_minor"] = _worth(classes, row.rates)
    return [row for row in rows.values() if row.rates]


def _strongest(rules: Sequence[Rule]) -> list[Rule]:
    together = [rule for rule in rules if rule.stackable]
    alone = [rule for rule in rules if not rule.stackable]
    if not alone:
        return together
    largest = max(alone, key=_factor)
    product = Fraction(1)
    for rule in together:
        product *= _factor(rule)
    return together if product > _factor(largest) else [largest]


def _factor(rule: Rule) -> Fraction:
    return Fraction(1) if rule.value is None else rule.value


def _multiply_by_tier(rows: Iterable[_Row], classes: Sequence[_Class], tier: Tier) -> None:
    for row in rows:
        _scale(row, tier.multiplier)
        row.inputs |= {"multiplier": exact_text(tier.multiplier), "tier": tier.code}
        row.exact = _total(row, classes)


def _total(row: _Row, classes: Sequence[_Class]) -> Fraction:
    return sum((rate * classes[number].worth for number, rate in row.rates.items()), _NONE)


def _cut(rows: Sequence[_Row], classes: Sequence[_Class], rooms: Mapping[str, Room]) -> None:
    """Hold each rule to its caps; all its lines lose in proportion."""
    for row in rows:
        room = rooms.get(row.rule.rule_id)
        if room is not None and row.exact > room.points:
            _scale(row, Fraction(room.points) / row.exact)
            row.inputs |= cut(room)
    total = sum((_total(row, classes) for row in rows), _NONE)
    if total > MOST_POINTS:
        for row in rows:
            _scale(row, MOST_POINTS / total)


def _scale(row: _Row, by: Fraction) -> None:
    row.rates = {number: rate * by for number, rate in row.rates.items()}


def _round(basket: Basket, rows: Sequence[_Row], classes: Sequence[_Class]) -> list[int]:
    """Floor the whole once, and share it to the lines, and to the rules, by largest remainder.

    A rule's share is at most its exact part rounded up, so never more than its caps leave.
    """
    shares = apportion([_total(row, classes) for row in rows])
    for row, points in zip(rows, shares, strict=True):
        row.rounded = points
    rates = [_NONE] * len(basket.lines)
    for number, each in enumerate(classes):
        rate = sum((row.rates.get(number, _NONE) for row in rows), _NONE)
        for place in each.places:
            rates[place] = rate
    return share(basket.eligible, rates)


def _explain(
    basket: Basket, classes: Sequence[_Class], row: _Row, by_line: Sequence[int]
) -> Explanation:
    """Name each line with its exact part; under its base rule, with all the points it has."""
    lines: dict[int, dict[str, Any]] = {}
    for number, rate in row.rates.items():
        places = classes[number].places
        amounts = [basket.eligible[place] for place in places]
        exact = [] if row.rule.kind == BASE else products(rate, amounts)
        for nth, place in enumerate(places):
            lines[place] = {
                "line_id": basket.lines[place].line_id,
                "eligible_minor": amounts[nth],
            } | ({"exact": exact[nth]} if exact else {"points": by_line[place]})
    in_order = [lines[place] for place in sorted(lines)]
    return explanation(row.rule, row.inputs, exact_text(row.exact), row.rounded, in_order)


def _line_grants(
    basket: Basket,
    classes: Sequence[_Class],
    by_line: Sequence[int],
    explain: Sequence[Explanation],
) -> list[Grant]:
    """Return one grant for each base rule: what its lines earned by all rules together."""
    grants = []
    for rule in {each.base.rule_id: each.base for each in classes}.values():
        places = sorted(place for each in classes if each.base is rule for place in each.places)
        line_ids = tuple(basket.lines[place].line_id for place in places)
        points = sum(by_line[place] for place in places)
        named = set(line_ids)
        reasons = tuple(
            entry for entry in explain if any(line["line_id"] in named for line in entry["lines"])
        )
        grants.append(Grant(rule, points, reasons, line_ids))
    return grants
