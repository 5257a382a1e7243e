"""Caps: how much a rule may still give, and what counts how much it gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from services.points.domain.rules.rule import Rule


@dataclass(frozen=True, slots=True, order=True)
class Counter:
    """What counts the points of one rule, for one holder, in one period."""

    rule_id: str
    holder: str
    """A member's id, or empty for everybody together."""
    period: str
    """A local day or month as ``2026-03-10`` or ``2026-03``, or empty for all time."""


@dataclass(frozen=True, slots=True)
class Room:
    """The most points a rule may still give, and which cap says so."""

    points: int
    cap: str


def counters(rule: Rule, member: str, day: date) -> list[tuple[str, Counter, int]]:
    """Return the caps of a rule that outlast one sale: name, counter and limit."""
    caps, today = rule.caps, day.isoformat()
    counted = (
        ("per_member_per_day", Counter(rule.rule_id, member, today), caps.per_member_per_day),
        ("per_member_per_month", Counter(rule.rule_id, member, today[:7]),
         caps.per_member_per_month),
        ("total", Counter(rule.rule_id, "", ""), caps.total),
    )  # fmt: skip
    return [(cap, counter, limit) for cap, counter, limit in counted if limit is not None]


def rooms(
    rules: Iterable[Rule], member: str, day: date, used: Mapping[Counter, int]
) -> dict[str, Room]:
    """Return the room of each rule that has caps; the tightest cap counts, ties to the first."""
    found = {}
    for rule in rules:
        left = [
            Room(max(limit - used.get(counter, 0), 0), cap)
            for cap, counter, limit in counters(rule, member, day)
        ]
        if rule.caps.per_sale is not None:
            left.insert(0, Room(rule.caps.per_sale, "per_sale"))
        if left:
            found[rule.rule_id] = min(left, key=lambda room: room.points)
    return found
