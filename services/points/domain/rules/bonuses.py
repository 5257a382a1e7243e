"""Threshold bonuses: once per sale, judged again on what is kept of it (S2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from services.points.domain.returns import SoldLine
from services.points.domain.rules.caps import Room
from services.points.domain.rules.occasion import covers
from services.points.domain.rules.outcome import Grant, cut, explanation
from services.points.domain.rules.rule import Rule
from services.points.domain.sales import Line


def grant_bonuses(
    lines: Sequence[Line],
    eligible: Sequence[int],
    rules: Iterable[Rule],
    rooms: Mapping[str, Room],
) -> list[Grant]:
    """Return the bonuses whose threshold the eligible price of their lines reaches.

    One that a cap leaves nothing of comes with 0 points, so that the explanation can say why.
    """
    grants = []
    for rule in rules:
        reached = [
            (line.line_id, amount)
            for line, amount in zip(lines, eligible, strict=True)
            if amount and covers(rule.scope, line)
        ]
        total = sum(amount for _, amount in reached)
        if total and total >= (rule.threshold_minor or 0):
            grants.append(_grant(rule, total, tuple(line_id for line_id, _ in reached), rooms))
    return grants


def _grant(rule: Rule, total: int, line_ids: tuple[str, ...], rooms: Mapping[str, Room]) -> Grant:
    full, room = rule.points or 0, rooms.get(rule.rule_id)
    inputs = {"eligible_minor": total, "threshold_minor": rule.threshold_minor, "points": full}
    points = full
    if room is not None and full > room.points:
        points = room.points
        inputs |= cut(room)
    explain = explanation(rule, inputs, str(full), points)
    return Grant(rule, points, (explain,), line_ids)


def is_kept(threshold_minor: int, line_ids: Iterable[str], lines: Iterable[SoldLine]) -> bool:
    """Return whether what is kept of a bonus's lines still reaches its threshold (S2).

    A line keeps of its eligible price what it keeps of its value. Where nothing is kept, no
    threshold is reached.
    """
    wanted = set(line_ids)
    kept = sum((_kept(line) for line in lines if line.line_id in wanted), Fraction(0))
    return kept > 0 and kept >= threshold_minor


def _kept(line: SoldLine) -> Fraction:
    if not line.value_minor or line.returned_quantity == line.quantity:
        return Fraction(0)
    left = Fraction(line.value_minor - line.refunded_minor, line.value_minor)
    return line.eligible_minor * left
