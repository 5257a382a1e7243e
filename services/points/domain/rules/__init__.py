"""Earning rules (E1-E5): what they say, when they apply, and what they award.

The order of evaluation is fixed: base rate, additions, multipliers, tier multiplier, caps on the
part that lines earn, which is floored once; then threshold bonuses with their own caps.
"""

from __future__ import annotations

from services.points.domain.rules.activities import (
    CHECK_IN,
    LONGEST_STREAK,
    PROFILE_COMPLETE,
    Activity,
    judge_activity,
    streak_of,
)
from services.points.domain.rules.bonuses import is_kept
from services.points.domain.rules.book import RuleBook, Version
from services.points.domain.rules.caps import Counter, Room, counters, rooms
from services.points.domain.rules.engine import Basket, judge
from services.points.domain.rules.occasion import Occasion
from services.points.domain.rules.outcome import Grant, Judgement
from services.points.domain.rules.rule import (
    ACTIVITY,
    ADDITION,
    BASE,
    KINDS,
    MULTIPLIER,
    THRESHOLD_BONUS,
    WEEKDAYS,
    Caps,
    LocalTime,
    Rule,
    Scope,
    Streak,
    default_base,
)
from services.points.domain.rules.validation import named, overlaps, problems

__all__ = [
    "ACTIVITY",
    "ADDITION",
    "BASE",
    "CHECK_IN",
    "KINDS",
    "LONGEST_STREAK",
    "MULTIPLIER",
    "PROFILE_COMPLETE",
    "THRESHOLD_BONUS",
    "WEEKDAYS",
    "Activity",
    "Basket",
    "Caps",
    "Counter",
    "Grant",
    "Judgement",
    "LocalTime",
    "Occasion",
    "Room",
    "Rule",
    "RuleBook",
    "Scope",
    "Streak",
    "Version",
    "counters",
    "default_base",
    "is_kept",
    "judge",
    "judge_activity",
    "named",
    "overlaps",
    "problems",
    "rooms",
    "streak_of",
]
