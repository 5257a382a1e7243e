"""What keeps a draft from being published: every contradiction is named (E2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from services.points.domain.programme import LotTerms
from services.points.domain.rules.activities import CHECK_IN, PROFILE_COMPLETE
from services.points.domain.rules.book import RuleBook
from services.points.domain.rules.rule import (
    ACTIVITY,
    ADDITION,
    BASE,
    MULTIPLIER,
    SCOPE_SETS,
    THRESHOLD_BONUS,
    WEEKDAYS,
    Rule,
    Scope,
)
from shared.errors import FieldError

_DAYS_A_WEEK, _DAYS_A_MONTH = 7, 31
_HIGHEST = {BASE: Fraction(10), ADDITION: Fraction(10), MULTIPLIER: Fraction(100)}
_LOWEST = {MULTIPLIER: Fraction(1)}
_OF_KIND = {
    "value": (BASE, ADDITION, MULTIPLIER),
    "points": (ADDITION, THRESHOLD_BONUS, ACTIVITY),
    "threshold_minor": (THRESHOLD_BONUS,),
    "activity": (ACTIVITY,),
    "streak": (ACTIVITY,),
    "stackable": (MULTIPLIER,),
    "pending_days": (BASE, THRESHOLD_BONUS, ACTIVITY),
    "lot": (BASE, THRESHOLD_BONUS, ACTIVITY),
}
"""Fields that only some kinds have a use for."""
_NEEDED = {
    BASE: ("value",),
    MULTIPLIER: ("value",),
    ADDITION: (),
    THRESHOLD_BONUS: ("points", "threshold_minor"),
    ACTIVITY: ("points", "activity"),
}
_OF_SALES = ("skus", "categories", "brands", "first_purchase")


def problems(rule: Rule, effective_from: datetime, terms: LotTerms) -> list[FieldError]:
    """Return what is wrong with a rule by itself.

    Args:
        rule: As it would be published.
        effective_from: From when it would be good.
        terms: How long points last where the rule does not say.
    """
    return [
        *_field_problems(rule),
        *_value_problems(rule),
        *_scope_problems(rule),
        *_window_problems(rule, effective_from),
        *_cap_problems(rule),
        *_pending_problems(rule, effective_from, terms),
    ]


def _field_problems(rule: Rule) -> Iterator[FieldError]:
    for name, kinds in _OF_KIND.items():
        if getattr(rule, name) and rule.kind not in kinds:
            yield FieldError(name, "not_for_kind", f"Means nothing for kind {rule.kind}.")
    for name in _NEEDED[rule.kind]:
        if getattr(rule, name) is None:
            yield FieldError(name, "required", f"Kind {rule.kind} needs it.")
    if rule.kind == ADDITION and (rule.value is None) == (rule.points is None):
        yield FieldError("value", "ambiguous", "Give value or points: one of them.")
    if rule.streak is not None and rule.activity != CHECK_IN:
        yield FieldError("streak", "not_for_activity", "Only check_in has streaks.")


def _value_problems(rule: Rule) -> Iterator[FieldError]:
    if rule.value is None or rule.kind not in _HIGHEST:
        return
    low, high = _LOWEST.get(rule.kind, Fraction(0)), _HIGHEST[rule.kind]
    if not low <= rule.value <= high:
        yield FieldError("value", "out_of_range", f"From {low} to {high} for kind {rule.kind}.")


def _scope_problems(rule: Rule) -> Iterator[FieldError]:
    scope = rule.scope
    for weekday in sorted(scope.weekdays or ()):
        if weekday not in WEEKDAYS:
            message = f"{weekday} is none of {', '.join(WEEKDAYS)}."
            yield FieldError("scope.weekdays", "unknown_weekday", message)
    if rule.kind == ACTIVITY:
        for name in _OF_SALES:
            if getattr(scope, name):
                message = "An activity sells nothing."
                yield FieldError(f"scope.{name}", "contradictory_scope", message)


def _window_problems(rule: Rule, effective_from: datetime) -> Iterator[FieldError]:
    window = rule.scope.local_time
    if window is not None and window.is_empty:
        message = "It ends when it begins."
        yield FieldError("scope.local_time", "impossible_window", message)
    if rule.valid_until is None:
        return
    if rule.valid_from is not None and rule.valid_until <= rule.valid_from:
        yield FieldError("valid_until", "impossible_window", "It ends before it begins.")
    elif rule.valid_until <= effective_from:
        yield FieldError("valid_until", "impossible_window", "It is over before it takes effect.")
    elif not _has_weekday(rule, effective_from):
        message = "None of these days lies between valid_from and valid_until."
        yield FieldError("scope.weekdays", "impossible_window", message)


def _has_weekday(rule: Rule, effective_from: datetime) -> bool:
    """Return whether one of the rule's weekdays may fall into its window, in whichever zone."""
    if rule.scope.weekdays is None or rule.valid_until is None:
        return True
    start = max(rule.valid_from or effective_from, effective_from).astimezone(UTC).date()
    end = rule.valid_until.astimezone(UTC).date()
    first, days = start - timedelta(days=1), (end - start).days + 3
    named = {
        WEEKDAYS[(first + timedelta(days=number)).weekday()]
        for number in range(min(days, _DAYS_A_WEEK))
    }
    return not named.isdisjoint(rule.scope.weekdays)


def _cap_problems(rule: Rule) -> Iterator[FieldError]:
    caps = rule.caps
    rising = [
        ("per_sale", caps.per_sale),
        ("per_member_per_day", caps.per_member_per_day),
        ("per_member_per_month", caps.per_member_per_month),
        ("total", caps.total),
    ]
    given = [(name, limit) for name, limit in rising if limit is not None]
    if rule.kind == ACTIVITY and caps.per_sale is not None:
        yield FieldError("caps.per_sale", "not_for_kind", "An activity is no sale.")
    for place, (name, limit) in enumerate(given):
        for wider, bound in given[place + 1 :]:
            if limit > bound:
                message = f"Never reached: {wider} is {bound}."
                yield FieldError(f"caps.{name}", "unreachable_cap", message)
                break
    for name, most, giver in _most(rule):
        if (getattr(caps, name) or 0) > most:
            message = f"Never reached: {giver} gives {most} at most."
            yield FieldError(f"caps.{name}", "unreachable_cap", message)


def _most(rule: Rule) -> Iterator[tuple[str, int, str]]:
    """Yield what a rule can come to by itself: the cap that counts it, the points, who gives them.

    A bonus is given once a sale, a check-in counts once a day, a complete profile once for all.
    """
    points = rule.points or 0
    if rule.kind == THRESHOLD_BONUS:
        yield "per_sale", points, "a sale"
    if rule.activity == PROFILE_COMPLETE:
        yield "per_member_per_day", points, "a complete profile"
        yield "per_member_per_month", points, "a complete profile"
    if rule.activity == CHECK_IN:
        streak, days = rule.streak, _DAYS_A_MONTH
        at_its_end = 0 if streak is None else streak.points
        ends = 0 if streak is None else -(-days // streak.length)
        yield "per_member_per_day", points + at_its_end, "a day"
        yield "per_member_per_month", days * points + ends * at_its_end, "a month"


def _pending_problems(
    rule: Rule, effective_from: datetime, terms: LotTerms
) -> Iterator[FieldError]:
    if not rule.pending_days:
        return
    earned_on = effective_from.astimezone(UTC).date()
    lasts = (rule.lot or terms).last_day(earned_on) - earned_on
    if rule.pending_days >= lasts.days:
        message = f"The points would lapse within {lasts.days} days."
        yield FieldError("pending_days", "impossible_window", message)


def overlaps(rule: Rule, effective_from: datetime, book: RuleBook) -> list[FieldError]:
    """Return which published base rules might be for the same line at the same time as this one.

    A base rule without scope stands behind those with one, so that such two do not meet.
    """
    if rule.kind != BASE:
        return []
    mine = _span(rule, effective_from, None)
    found: dict[str, FieldError] = {}
    for version, ends in book.spans():
        other = version.rule
        if other.kind != BASE or other.rule_id == rule.rule_id or other.rule_id in found:
            continue
        if _meet(mine, _span(other, version.effective_from, ends)) and _alike(rule, other):
            message = f"{other.name} ({other.rule_id}) is for the same lines at the same time."
            found[other.rule_id] = FieldError("scope", "overlapping_base", message)
    return list(found.values())


_Span = tuple[datetime | None, datetime | None]


def _span(rule: Rule, effective_from: datetime, ends: datetime | None) -> _Span:
    starts = max(effective_from, rule.valid_from or effective_from)
    return starts, min((end for end in (ends, rule.valid_until) if end is not None), default=None)


def _meet(one: _Span, two: _Span) -> bool:
    (start, end), (other_start, other_end) = one, two
    is_before = end is not None and other_start is not None and end <= other_start
    is_after = other_end is not None and start is not None and other_end <= start
    is_empty = any(a is not None and b is not None and b <= a for a, b in (one, two))
    return not (is_before or is_after or is_empty)


def _alike(one: Rule, two: Rule) -> bool:
    if one.scope.is_open or two.scope.is_open:
        return one.scope.is_open and two.scope.is_open
    return _share_values(one.scope, two.scope) and _share_minutes(one.scope, two.scope)


def _share_values(one: Scope, two: Scope) -> bool:
    pairs = ((getattr(one, name), getattr(two, name)) for name in SCOPE_SETS)
    return all(a is None or b is None or not a.isdisjoint(b) for a, b in pairs)


def _share_minutes(one: Scope, two: Scope) -> bool:
    a, b = one.local_time, two.local_time
    return a is None or b is None or a.contains(b.start) or b.contains(a.start)


def named(prefix: str, errors: Iterable[FieldError]) -> list[FieldError]:
    """Return errors under the path of what they are in."""
    return [FieldError(f"{prefix}.{each.field}", each.code, each.message) for each in errors]
