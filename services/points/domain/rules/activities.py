"""Points for what members do beside buying: check-ins with streaks, reviews, surveys (E2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from services.points.domain.rules.caps import Room
from services.points.domain.rules.occasion import Occasion, is_live
from services.points.domain.rules.outcome import Grant, Judgement, cut, explanation
from services.points.domain.rules.rule import ACTIVITY, Rule

CHECK_IN, PROFILE_COMPLETE = "check_in", "profile_complete"
LONGEST_STREAK = 366


@dataclass(frozen=True, slots=True)
class Activity:
    """What a member did."""

    activity_id: str
    activity: str
    member_id: UUID
    occurred_at: datetime
    store_id: str | None = None


def streak_of(day: date, earlier: Iterable[date]) -> int:
    """Return how many local days in a row end with ``day``, given days of earlier check-ins."""
    known, length = set(earlier), 1
    while day - timedelta(days=length) in known:
        length += 1
    return length


def judge_activity(
    activity: str,
    rules: Iterable[Rule],
    occasion: Occasion,
    rooms: Mapping[str, Room],
    streak: int = 0,
) -> Judgement:
    """Return what an activity earns by the rules that are live for it; each is an award of its own.

    ``streak`` is the number of local days in a row that a check-in makes complete. The streak's
    points come whenever it is a multiple of the streak's length.
    """
    live = sorted(
        (
            rule
            for rule in rules
            if rule.kind == ACTIVITY and rule.activity == activity and is_live(rule, occasion)
        ),
        key=lambda rule: rule.rule_id,
    )
    grants = [_grant(rule, rooms.get(rule.rule_id), streak) for rule in live]
    return Judgement(
        by_line=(),
        grants=tuple(grant for grant in grants if grant.points),
        explain=tuple(entry for grant in grants for entry in grant.explain),
        used={
            grant.rule.rule_id: grant.points
            for grant in grants
            if grant.points and grant.rule.rule_id in rooms
        },
    )


def _grant(rule: Rule, room: Room | None, streak: int) -> Grant:
    full = rule.points or 0
    inputs: dict[str, Any] = {"activity": rule.activity, "points": full}
    if rule.streak is not None:
        inputs |= {"streak": streak, "streak_length": rule.streak.length}
        if streak and streak % rule.streak.length == 0:
            full += rule.streak.points
            inputs["streak_points"] = rule.streak.points
    points = full
    if room is not None and full > room.points:
        points = room.points
        inputs |= cut(room)
    return Grant(rule, points, (explanation(rule, inputs, str(full), points),))
