"""The life of an earned tier: up at once, down only by a failed review (T3).

`replay` tells a member's tier from all facts, whatever order they were heard in. The steps it is
made of are also taken one by one, for many members at once, when time makes them due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo

from services.tiers.domain.programme import (
    Level,
    Programme,
    add_months,
    in_force,
    local_day,
    review_day,
    start_of,
    successor,
)
from services.tiers.domain.progress import Fact, Progress, Sale, facts_of

_DAY = timedelta(days=1)
NOTICE_DAYS = (30, 7)
"""Days before a review on which a member is told what is missing (T3)."""


@dataclass(frozen=True, slots=True)
class Earned:
    """What a member has earned, overrides and purchases aside.

    ``judged_at`` is the instant of the last step that changed anything here: only facts before it
    can put in question what was decided. ``in_grace`` means the review on ``review_on`` failed.
    """

    version: int
    rank: int
    since: datetime
    review_on: date
    in_grace: bool
    judged_at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """What counts at an instant: for a higher level, and for keeping this one."""

    have: int
    kept: int


@dataclass(frozen=True, slots=True)
class Step:
    """One change of what is earned, with its cause and evidence."""

    reason: str
    """``qualified``, ``review_passed``, ``grace_started``, ``review_failed`` or ``programme``."""
    at: datetime
    before: Level
    level: Level
    have: int
    keep: int
    sale_id: str | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """Whose tier: ``began_at`` is the enrolment, or the first sale where that is unknown."""

    began_at: datetime
    zone: tzinfo
    programmes: tuple[Programme, ...]

    def programme(self, version: int) -> Programme:
        """Return a published version; raises `LookupError`."""
        for programme in self.programmes:
            if programme.version == version:
                return programme
        raise LookupError(version)


def begin(life: Life) -> Earned:
    """Return the entry tier at the beginning."""
    programme = in_force(life.programmes, life.began_at)
    at = life.began_at
    return Earned(
        programme.version,
        programme.entry.rank,
        at,
        review_day(at, programme.review_months, life.zone),
        in_grace=False,
        judged_at=at,
    )


def grace_until(earned: Earned, programme: Programme) -> date:
    """Return the local day with whose end a grace after the review ends."""
    return earned.review_on + timedelta(days=programme.grace_days)


def review_at(earned: Earned, zone: tzinfo) -> datetime:
    """Return the instant of the next review: the end of its local day.

    So the sales of the day a tier was reached have left a window of as many months, and those of
    the day of the review still count.
    """
    return start_of(earned.review_on + _DAY, zone)


def boundary(earned: Earned, life: Life) -> tuple[datetime, str]:
    """Return the next instant at which time alone changes something, and what it is."""
    due = review_at(earned, life.zone), "review"
    if earned.in_grace:
        last = grace_until(earned, life.programme(earned.version))
        # A version with less grace ends it when it comes into force, not before.
        due = max(start_of(last + _DAY, life.zone), earned.judged_at), "grace_end"
    following = successor(life.programmes, earned.version)
    if following is not None and following.effective_from <= due[0]:
        return following.effective_from, "programme"
    return due


def notice_at(earned: Earned, stage: int, zone: tzinfo) -> datetime:
    """Return when the notice ``stage`` of the coming review is due."""
    return start_of(earned.review_on - timedelta(days=NOTICE_DAYS[stage]), zone)


def weigh(earned: Earned, life: Life, fact: Fact, counts: Counts) -> Step | None:
    """Judge a sale: a higher level is reached, or the tier is kept in its grace (T3)."""
    programme, have, kept = life.programme(earned.version), counts.have, counts.kept
    level, reached = programme.at_rank(earned.rank), programme.reached(have)
    at = max(fact.at, earned.since)
    if reached.rank > earned.rank:
        return Step("qualified", at, level, reached, have, reached.threshold, fact.sale_id)
    if earned.in_grace and kept >= level.threshold:
        return Step("review_passed", at, level, level, kept, level.threshold, fact.sale_id)
    return None


def pass_time(earned: Earned, life: Life, due: tuple[datetime, str], counts: Counts) -> Step:
    """Take the step that time makes due; ``counts`` are those of that instant."""
    at, kind = due
    programme = life.programme(earned.version)
    level = programme.at_rank(earned.rank)
    if kind == "programme":
        return _enter(earned, life, at, counts)
    # A version that came into force during the grace may have made the tier cheaper.
    if kind == "grace_end" and counts.kept < level.threshold:
        lower = programme.below(earned.rank)
        return Step("review_failed", at, level, lower, counts.kept, level.threshold)
    reason = "review_passed" if counts.kept >= level.threshold else "grace_started"
    return Step(reason, at, level, level, counts.kept, level.threshold)


def _enter(earned: Earned, life: Life, at: datetime, counts: Counts) -> Step:
    """Carry a tier over into the next version: same code, else the nearest one below (T5)."""
    old = life.programme(earned.version).at_rank(earned.rank)
    new = in_force(life.programmes, at)
    carried = new.matching(old.code, old.rank)
    level = max(carried, new.reached(counts.have), key=lambda each: each.rank)
    return Step("programme", at, old, level, counts.have, level.threshold)


def after(earned: Earned, life: Life, step: Step) -> Earned:
    """Return what is earned once ``step`` is taken."""
    programme = life.programme(earned.version)
    if step.reason == "programme":
        programme = in_force(life.programmes, step.at)
        carried = programme.matching(step.before.code, step.before.rank)
        moved = replace(earned, version=programme.version, rank=step.level.rank, judged_at=step.at)
        if step.level.rank <= carried.rank:
            return moved
        return _renewed(moved, programme, step.at, life, since=step.at)
    if step.reason == "grace_started":
        return replace(earned, in_grace=True, judged_at=step.at)
    if step.reason == "review_passed":
        if earned.in_grace:
            return _renewed(earned, programme, step.at, life, since=earned.since)
        following = add_months(earned.review_on, programme.review_months)
        return replace(earned, review_on=following, judged_at=step.at)
    moved = replace(earned, rank=step.level.rank)
    return _renewed(moved, programme, step.at, life, since=step.at)


def _renewed(
    earned: Earned, programme: Programme, at: datetime, life: Life, *, since: datetime
) -> Earned:
    review_on = add_months(local_day(at, life.zone), programme.review_months)
    return replace(earned, since=since, review_on=review_on, in_grace=False, judged_at=at)


class _Replay:
    """Walks through a member's facts and the boundaries between them."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.earned = begin(life)
        self.steps: list[Step] = []
        self._told: list[Fact] = []
        self._count_anew()

    def take(self, fact: Fact) -> None:
        """Let time pass up to a fact, then count it, then judge it."""
        self.pass_until(max(fact.at, self.life.began_at))
        self._told.append(fact)
        self._up.take(fact)
        self._keep.take(fact)
        if fact.is_refund:
            return
        counts = self._counts(max(fact.at, self.life.began_at))
        step = weigh(self.earned, self.life, fact, counts)
        if step is not None:
            self._go(step)

    def pass_until(self, until: datetime) -> None:
        """Take all steps due by then; facts at such an instant come after it."""
        while (due := boundary(self.earned, self.life))[0] <= until:
            if due[1] == "programme":
                following = successor(self.life.programmes, self.earned.version)
                self._count_anew(following)
            self._go(pass_time(self.earned, self.life, due, self._counts(due[0])))

    def _go(self, step: Step) -> None:
        self.steps.append(step)
        self.earned = after(self.earned, self.life, step)

    def _counts(self, at: datetime) -> Counts:
        rules, life = self._rules, self.life
        return Counts(
            self._up.slide(rules.counts_after(at, life.began_at, life.zone)),
            self._keep.slide(rules.review_counts_after(at, life.began_at, life.zone)),
        )

    def _count_anew(self, rules: Programme | None = None) -> None:
        self._rules = rules or self.life.programme(self.earned.version)
        self._up, self._keep = Progress(self._rules.metric), Progress(self._rules.metric)
        for fact in self._told:
            self._up.take(fact)
            self._keep.take(fact)


def replay(life: Life, sales: Iterable[Sale], until: datetime) -> tuple[Earned, Sequence[Step]]:
    """Return what is earned at ``until``, and the steps that led to it.

    The same facts give the same answer in whatever order, however late, they were heard.
    """
    course = _Replay(life)
    for fact in facts_of(sales):
        course.take(fact)
    course.pass_until(until)
    return course.earned, course.steps
