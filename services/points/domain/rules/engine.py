"""Judging a sale by its rules (E1, E2): exact contributions, one floor, parts that add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from services.points.domain.rules.bonuses import grant_bonuses
from services.points.domain.rules.caps import Room
from services.points.domain.rules.occasion import Occasion, covers, is_live
from services.points.domain.rules.outcome import Explanation, Grant, Judgement, cut, explanation
from services.points.domain.rules.rounding import apportion
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

    def places(self, rule: Rule) -> list[int]:
        """Return which lines a rule is for, those that earn nothing left out."""
        return [
            place
            for place, line in enumerate(self.lines)
            if self.eligible[place] and covers(rule.scope, line)
        ]

    def worth(self, places: Iterable[int]) -> int:
        """Return what earns points of some lines together."""
        return sum(self.eligible[place] for place in places)


@dataclass(slots=True)
class _Row:
    """What one rule gives to each line it is for, exactly."""

    rule: Rule
    parts: dict[int, Fraction]
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
    bases = _choose_bases(basket, _of_kind(live, BASE), default)
    rows = [
        *_base_rows(basket, bases),
        *_addition_rows(basket, _of_kind(live, ADDITION)),
    ]
    rows += _multiplier_rows(basket, _of_kind(live, MULTIPLIER), rows)
    _multiply_by_tier(rows, occasion.tier)
    _cut(rows, rooms)
    by_line = _round(rows, len(basket.lines))
    explain = [_explain(basket, row, by_line) for row in rows]
    bonuses = grant_bonuses(basket.lines, basket.eligible, _of_kind(live, THRESHOLD_BONUS), rooms)
    grants = [*_line_grants(basket, bases, by_line, explain), *bonuses]
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


def _choose_bases(basket: Basket, rules: Sequence[Rule], default: Rule) -> list[Rule]:
    """Return each line's base rule: one for its like, else one for everything, else the default.

    At publish it was made sure that no two of a sort are for the same line.
    """
    in_order = [
        *(rule for rule in rules if not rule.scope.is_open),
        *(rule for rule in rules if rule.scope.is_open),
        default,
    ]
    return [next(rule for rule in in_order if covers(rule.scope, line)) for line in basket.lines]


def _base_rows(basket: Basket, bases: Sequence[Rule]) -> list[_Row]:
    rows = []
    for rule in {base.rule_id: base for base in bases}.values():
        places = [place for place, base in enumerate(bases) if base is rule]
        rate = rule.value or _NONE
        parts = {place: basket.eligible[place] * rate for place in places}
        inputs = {"eligible_minor": basket.worth(places), "rate": exact_text(rate)}
        rows.append(_Row(rule, parts, inputs))
    return rows


def _addition_rows(basket: Basket, rules: Sequence[Rule]) -> list[_Row]:
    """Add to lines by their price: so much a minor unit, or so many points once, shared by it."""
    rows = []
    for rule in rules:
        places = basket.places(rule)
        worth = basket.worth(places)
        if not worth:
            continue
        inputs: dict[str, Any] = {"eligible_minor": worth}
        if rule.value is None:
            inputs["points"] = rule.points
            rate = Fraction(rule.points or 0, worth)
        else:
            inputs["rate"] = exact_text(rule.value)
            rate = rule.value
        rows.append(_Row(rule, {place: basket.eligible[place] * rate for place in places}, inputs))
    return rows


def _multiplier_rows(basket: Basket, rules: Sequence[Rule], before: Sequence[_Row]) -> list[_Row]:
    """Multiply what lines have so far, each by the multipliers that are good for it.

    Those marked stackable multiply one another; any other stands alone. Of what that leaves to
    choose from, the largest factor counts.
    """
    rows = {rule.rule_id: _Row(rule, {}, {"factor": exact_text(_factor(rule))}) for rule in rules}
    for place, line in enumerate(basket.lines):
        so_far = sum((row.parts.get(place, _NONE) for row in before), _NONE)
        if not so_far:
            continue
        for rule in _strongest([rule for rule in rules if covers(rule.scope, line)]):
            rows[rule.rule_id].parts[place] = so_far * (_factor(rule) - 1)
            so_far *= _factor(rule)
    for row in rows.values():
        row.inputs["eligible_minor"] = basket.worth(row.parts)
    return [row for row in rows.values() if row.parts]


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


def _multiply_by_tier(rows: Iterable[_Row], tier: Tier) -> None:
    for row in rows:
        row.parts = {place: part * tier.multiplier for place, part in row.parts.items()}
        row.inputs |= {"multiplier": exact_text(tier.multiplier), "tier": tier.code}
        row.exact = sum(row.parts.values(), _NONE)


def _cut(rows: Sequence[_Row], rooms: Mapping[str, Room]) -> None:
    """Hold each rule to its caps; all its lines lose in proportion."""
    for row in rows:
        room = rooms.get(row.rule.rule_id)
        if room is not None and row.exact > room.points:
            _scale(row, Fraction(room.points) / row.exact)
            row.inputs |= cut(room)
    total = sum((sum(row.parts.values(), _NONE) for row in rows), _NONE)
    if total > MOST_POINTS:
        for row in rows:
            _scale(row, MOST_POINTS / total)


def _scale(row: _Row, by: Fraction) -> None:
    row.parts = {place: part * by for place, part in row.parts.items()}


def _round(rows: Sequence[_Row], lines: int) -> list[int]:
    """Floor the whole once, and share it to the lines, and to the rules, by largest remainder.

    A rule's share is at most its exact part rounded up, so never more than its caps leave.
    """
    for row, points in zip(
        rows, apportion([sum(row.parts.values(), _NONE) for row in rows]), strict=True
    ):
        row.rounded = points
    by_line = [_NONE] * lines
    for row in rows:
        for place, part in row.parts.items():
            by_line[place] += part
    return apportion(by_line)


def _explain(basket: Basket, row: _Row, by_line: Sequence[int]) -> Explanation:
    """Name each line with its exact part; under its base rule, with all the points it has."""
    lines: list[dict[str, Any]] = []
    for place in sorted(row.parts):
        named = {
            "line_id": basket.lines[place].line_id,
            "eligible_minor": basket.eligible[place],
        }
        if row.rule.kind == BASE:
            lines.append({**named, "points": by_line[place]})
        else:
            lines.append({**named, "exact": exact_text(row.parts[place])})
    return explanation(row.rule, row.inputs, exact_text(row.exact), row.rounded, lines)


def _line_grants(
    basket: Basket,
    bases: Sequence[Rule],
    by_line: Sequence[int],
    explain: Sequence[Explanation],
) -> list[Grant]:
    """Return one grant for each base rule: what its lines earned by all rules together."""
    grants = []
    for rule in {base.rule_id: base for base in bases}.values():
        places = [place for place, base in enumerate(bases) if base is rule]
        line_ids = tuple(basket.lines[place].line_id for place in places)
        points = sum(by_line[place] for place in places)
        reasons = tuple(entry for entry in explain if _is_about(entry, line_ids))
        grants.append(Grant(rule, points, reasons, line_ids))
    return grants


def _is_about(entry: Explanation, line_ids: Iterable[str]) -> bool:
    return not {line["line_id"] for line in entry["lines"]}.isdisjoint(line_ids)
