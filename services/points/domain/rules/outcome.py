"""What a judgement comes to, and how it explains itself (E3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.points.domain.rules.caps import Room
from services.points.domain.rules.rule import DEFAULT_ID, Rule

Explanation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Grant:
    """Points that become one lot by one entry of the journal."""

    rule: Rule
    """The base rule of the lines, the bonus or the activity: its lot and pending terms are good."""
    points: int
    explain: tuple[Explanation, ...]
    line_ids: tuple[str, ...] = ()
    """Lines that earned it, or whose sum reached the threshold."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """All that a sale or an activity earns."""

    by_line: tuple[int, ...]
    """Points that each line earned; bonuses belong to no line."""
    grants: tuple[Grant, ...]
    explain: tuple[Explanation, ...]
    used: Mapping[str, int] = field(default_factory=dict)
    """Points that each rule with caps gave, by rule id."""

    @property
    def points(self) -> int:
        """Return the sum of the grants."""
        return sum(grant.points for grant in self.grants)


def explanation(
    rule: Rule,
    inputs: Mapping[str, Any],
    exact: str,
    rounded: int,
    lines: list[dict[str, Any]] | None = None,
) -> Explanation:
    """Return why a rule gave what it gave; drafts and the programme's own rule have no id."""
    is_published = rule.rule_id != DEFAULT_ID and rule.version > 0
    named = {"rule_id": rule.rule_id} if is_published else {}
    return {
        "rule": rule.name,
        "version": rule.version,
        **named,
        "inputs": dict(inputs),
        "exact": exact,
        "rounded": rounded,
        "lines": lines or [],
    }


def cut(room: Room) -> dict[str, Any]:
    """Return the inputs that say which cap cut an award, and to how much."""
    return {"cap": room.cap, "cap_left": room.points}
