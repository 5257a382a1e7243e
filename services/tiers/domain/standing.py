"""Where a member stands: what is earned, the floor under it, what is shown (T3, T4, T7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from services.tiers.domain.floors import EARNED, Floor, shown
from services.tiers.domain.machine import (
    NOTICE_DAYS,
    Counts,
    Earned,
    Life,
    Step,
    after,
    boundary,
    grace_until,
    notice_at,
    pass_time,
    review_at,
)
from services.tiers.domain.programme import Level, Programme, in_force, local_day

ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Standing:
    """A member's tier as kept between facts."""

    member_id: UUID
    began_at: datetime
    enrolled: bool
    """Whether ``began_at`` is the enrolment, told by members, or just the first sale heard of."""
    status: str
    earned: Earned
    tier: str
    rank: int
    source: str
    since: datetime
    told_from: datetime
    """From when on the last news holds: later news never reaches further back, or those who follow
    one by one would take it for older (T8)."""
    notified: int = 0
    """How many of `NOTICE_DAYS` are over with for the coming review."""
    floor: Floor | None = None
    floor_changes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One row of history; ``is_news`` where others have to hear of it (T8)."""

    reason: str
    at: datetime
    from_tier: str | None
    level: Level
    source: str
    is_news: bool
    have: int = 0
    keep: int | None = None
    sale_id: str | None = None
    reference: str | None = None
    is_rise: bool = False
    """Whether a higher tier than before was earned."""


@dataclass(frozen=True, slots=True)
class Due:
    """What time makes due next for a member.

    ``kind`` is ``review``, ``grace_end``, ``programme``, ``notice`` or ``floor``.
    """

    at: datetime
    kind: str


@dataclass(frozen=True, slots=True)
class Notice:
    """That a review is coming which the member would not pass (T3)."""

    tier: str
    review_on: date
    grace_until: date
    days_left: int
    metric: str
    have: int
    keep: int

    @property
    def missing(self) -> int:
        """Return how much more keeps the tier."""
        return self.keep - self.have


@dataclass(frozen=True, slots=True)
class Window:
    """What counts for a due thing: sales later than ``after`` and before ``before``."""

    rules: Programme
    after: datetime
    before: datetime


def due_next(standing: Standing, life: Life) -> Due:
    """Return the earliest thing that time alone makes due."""
    dues = [Due(*boundary(standing.earned, life))]
    if standing.floor_changes_at is not None:
        dues.append(Due(standing.floor_changes_at, "floor"))
    programme = life.programme(standing.earned.version)
    waiting = not standing.earned.in_grace and standing.notified < len(NOTICE_DAYS)
    if waiting and standing.earned.rank > programme.entry.rank:
        dues.append(Due(notice_at(standing.earned, standing.notified, life.zone), "notice"))
    # Sorting is stable: at one instant the boundary comes first.
    return min(dues, key=lambda due: due.at)


def window_of(standing: Standing, life: Life, due: Due, now: datetime) -> Window | None:
    """Return what to count for anything due but a floor; None where nothing needs to be counted.

    A new version asks what reaches a higher level, all else what keeps this one.
    """
    rules, zone = life.programme(standing.earned.version), life.zone
    if due.kind == "programme":
        rules = in_force(life.programmes, due.at)
        return Window(rules, rules.counts_after(due.at, life.began_at, zone), due.at)
    if due.kind == "notice":
        at = review_at(standing.earned, zone)
        return Window(rules, rules.review_counts_after(at, life.began_at, zone), now)
    if due.kind == "review" and standing.earned.rank == rules.entry.rank:
        return None
    return Window(rules, rules.review_counts_after(due.at, life.began_at, zone), due.at)


def pass_notice(
    standing: Standing, life: Life, count: int, now: datetime
) -> tuple[Standing, Notice | None]:
    """Return the standing once whatever had to be told by ``now`` is told, and what to tell (T3).

    Nothing where the tier would be kept, or where the review has come already.
    """
    over = sum(notice_at(standing.earned, stage, life.zone) <= now for stage in (0, 1))
    moved = replace(standing, notified=over)
    programme = life.programme(standing.earned.version)
    level = programme.at_rank(standing.earned.rank)
    if count >= level.threshold or now >= review_at(standing.earned, life.zone):
        return moved, None
    review_on = standing.earned.review_on
    return moved, Notice(
        tier=level.code,
        review_on=review_on,
        grace_until=grace_until(standing.earned, programme),
        days_left=(review_on - local_day(now, life.zone)).days,
        metric=programme.metric,
        have=count,
        keep=level.threshold,
    )


def take_step(standing: Standing, life: Life, step: Step) -> tuple[Standing, Change | None]:
    """Return where the member stands after a step of what is earned, and its row of history.

    Passing the review of the entry tier is no news, nor is a version that changes nothing.
    """
    earned = after(standing.earned, life, step)
    moved, change = show(
        replace(standing, earned=earned, notified=_notified(standing, earned)),
        life.programme(earned.version),
        step.at,
        _step_change(step),
        multiplier_before=_multiplier(standing, life),
    )
    entry = life.programme(earned.version).entry.rank
    silent = step.reason == "programme" or (step.reason == "review_passed" and earned.rank == entry)
    return moved, None if silent and not change.is_news else change


def pass_due(
    standing: Standing, life: Life, due: Due, count: int
) -> tuple[Standing, Change | None]:
    """Take the step of what is earned that time made due; ``count`` is that of its window."""
    step = pass_time(standing.earned, life, (due.at, due.kind), Counts(count, count))
    return take_step(standing, life, step)


def put_floor(
    standing: Standing,
    life: Life,
    floor: Floor | None,
    changes_at: datetime | None,
    *,
    at: datetime,
    cause: tuple[str, str | None],
) -> tuple[Standing, Change]:
    """Return where the member stands on another floor, or on none; ``cause`` with its reference."""
    programme = life.programme(standing.earned.version)
    reason, reference = cause
    return show(
        replace(standing, floor=floor, floor_changes_at=changes_at),
        programme,
        at,
        Change(reason, at, None, programme.entry, EARNED, False, reference=reference),
        multiplier_before=_multiplier(standing, life),
    )


def correct(standing: Standing, life: Life, earned: Earned, row: Change) -> tuple[Standing, Change]:
    """Return where the member stands once a late fact has put earlier judgements in question."""
    moved, change = show(
        replace(standing, earned=earned, notified=_notified(standing, earned)),
        life.programme(earned.version),
        earned.since,
        row,
        multiplier_before=_multiplier(standing, life),
    )
    if moved.source == EARNED and standing.source == EARNED and moved.floor is None:
        moved = replace(moved, since=earned.since)
    return moved, change


def show(
    standing: Standing,
    programme: Programme,
    at: datetime,
    row: Change,
    *,
    multiplier_before: str,
) -> tuple[Standing, Change]:
    """Work out the tier to show, and complete the row of history about it."""
    level, source = shown(programme, standing.earned.rank, standing.floor)
    changed = (level.code, source) != (standing.tier, standing.source)
    holds_from = max(at, standing.told_from)
    is_news = (level.code, level.rank, source, level.multiplier) != (
        standing.tier, standing.rank, standing.source, multiplier_before,
    )  # fmt: skip
    moved = replace(
        standing,
        tier=level.code,
        rank=level.rank,
        source=source,
        since=at if changed else standing.since,
        told_from=holds_from if is_news else standing.told_from,
    )
    change = replace(
        row,
        at=holds_from,
        from_tier=standing.tier,
        level=level,
        source=source,
        is_news=is_news,
        is_rise=source == EARNED and level.rank > standing.rank,
    )
    return moved, change


def new_steps(
    standing: Standing, life: Life, begun: Earned, steps: Sequence[Step]
) -> Sequence[Step] | None:
    """Return the steps of a replay that follow what is kept; None where it took another way."""
    earned, found = begun, 0 if begun == standing.earned else None
    for place, step in enumerate(steps, start=1):
        earned = after(earned, life, step)
        if earned == standing.earned:
            found = place
    return None if found is None else steps[found:]


def _step_change(step: Step) -> Change:
    return Change(
        step.reason,
        step.at,
        None,
        step.level,
        EARNED,
        False,
        have=step.have,
        keep=step.keep,
        sale_id=step.sale_id,
    )


def _notified(standing: Standing, earned: Earned) -> int:
    """Forget the notices of a review that is not the coming one any more."""
    return standing.notified if earned.review_on == standing.earned.review_on else 0


def _multiplier(standing: Standing, life: Life) -> str:
    """Return the multiplier the member has so far."""
    return life.programme(standing.earned.version).level(standing.tier).multiplier
