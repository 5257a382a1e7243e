"""Time passing for many members at once: what is due is worked out in rounds, nothing is written.

A round takes the earliest due thing of each member and counts for all of them in one statement. It
is the same rules, step by step, as `domain.machine.replay` of a single member's facts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo
from uuid import UUID

import sqlalchemy as sa

from services.tiers.domain.floors import Floor, next_change, standing_floor
from services.tiers.domain.machine import Counts, Life, grace_until, review_at
from services.tiers.domain.programme import Programme, in_force, local_day, rank_of
from services.tiers.domain.standing import (
    Change,
    Due,
    Standing,
    due_next,
    is_before_review,
    notices_over,
    pass_due,
    put_floor,
)
from services.tiers.repository import facts, overrides, subscriptions
from services.tiers.repository.facts import Span

MAX_ROUNDS = 1_000
"""More than any leap of a sandbox clock takes; more would be a mistake in the rules."""
_NOTHING = Counts(0, 0)


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


@dataclass(slots=True)
class Move:
    """Where a member stands, and what led there."""

    standing: Standing
    life: Life
    changes: list[Change] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    @property
    def due_at(self) -> datetime:
        """Return when time alone changes something again."""
        return due_next(self.standing, self.life).at

    def keep(self, standing: Standing, change: Change | None) -> None:
        """Take over a step."""
        self.standing = standing
        if change is not None:
            self.changes.append(change)


def life_of(standing: Standing, programmes: tuple[Programme, ...], zone: tzinfo) -> Life:
    """Return what a member is judged by."""
    return Life(standing.began_at, zone, programmes)


def pass_time(connection: sa.Connection, moves: Sequence[Move], now: datetime) -> None:
    """Let everything happen that time has made due for these members.

    Raises:
        RuntimeError: there is no end to it, which the rules should make impossible.
    """
    pending = list(moves)
    for _ in range(MAX_ROUNDS):
        dues = [(move, due_next(move.standing, move.life)) for move in pending]
        dues = [(move, due) for move, due in dues if due.at <= now]
        if not dues:
            return
        _pass_floors(connection, [pair for pair in dues if pair[1].kind == "floor"], now)
        _pass_counted(connection, [pair for pair in dues if pair[1].kind != "floor"], now)
        pending = [move for move, _ in dues]
    raise RuntimeError(f"after {MAX_ROUNDS} rounds something is still due")


def floors_of(
    connection: sa.Connection,
    member_ids: Iterable[UUID],
    programmes: tuple[Programme, ...],
    now: datetime,
) -> defaultdict[UUID, list[Floor]]:
    """Return all floors of members, past and coming ones included."""
    ids = list(member_ids)
    found = overrides.floors(connection, ids, programmes, now)
    for row in subscriptions.held(connection, ids):
        found[row["member_id"]].append(
            Floor(
                row["tier"],
                rank_of(row["tier"], programmes, now),
                "purchased",
                row["starts_at"],
                row["ends_at"],
                str(row["subscription_id"]),
            )
        )
    return found


def _pass_floors(
    connection: sa.Connection, dues: Sequence[tuple[Move, Due]], now: datetime
) -> None:
    if not dues:
        return
    ids = [move.standing.member_id for move, _ in dues]
    found = floors_of(connection, ids, dues[0][0].life.programmes, now)
    for move, due in dues:
        floors = found[move.standing.member_id]
        floor = standing_floor(floors, due.at)
        changes_at = next_change(floors, due.at)
        cause = _cause(floors, due.at)
        standing, change = put_floor(
            move.standing, move.life, floor, changes_at, at=due.at, cause=cause
        )
        move.keep(standing, change if change.is_news else None)


def _cause(floors: Sequence[Floor], at: datetime) -> tuple[str, str | None]:
    """Return why a floor changed at an instant: one began, else one ended."""
    for floor in floors:
        if floor.starts_at == at:
            return floor.source, floor.reference
    for floor in floors:
        if floor.ends_at == at:
            return f"{floor.source}_ended", floor.reference
    return "floor_changed", None


def _pass_counted(
    connection: sa.Connection, dues: Sequence[tuple[Move, Due]], now: datetime
) -> None:
    for (move, due), counts in zip(dues, _counts(connection, dues, now), strict=True):
        if due.kind == "notice":
            _notify(move, counts, now)
        else:
            move.keep(*pass_due(move.standing, move.life, due, counts))


def _notify(move: Move, counts: Counts, now: datetime) -> None:
    standing, life = move.standing, move.life
    programme = life.programme(standing.earned.version)
    level = programme.at_rank(standing.earned.rank)
    if counts.kept < level.threshold and is_before_review(standing, life, now):
        review_on = standing.earned.review_on
        move.notices.append(
            Notice(
                level.code,
                review_on,
                grace_until(standing.earned, programme),
                (review_on - local_day(now, life.zone)).days,
                programme.metric,
                counts.kept,
                level.threshold,
            )
        )
    move.standing = replace(standing, notified=notices_over(standing, life, now))


def _counts(
    connection: sa.Connection, dues: Sequence[tuple[Move, Due]], now: datetime
) -> list[Counts]:
    """Count for each due thing: all members of one metric in one statement."""
    spans: defaultdict[str, list[Span]] = defaultdict(list)
    places: list[tuple[str, int, int] | None] = []
    for move, due in dues:
        rules = _rules(move, due)
        pair = _spans(move, due, rules, now)
        if pair is None:
            places.append(None)
            continue
        mine = spans[rules.metric]
        first = len(mine)
        mine += dict.fromkeys(pair)
        places.append((rules.metric, first, len(mine) - 1))
    found = {metric: facts.counts(connection, metric, each) for metric, each in spans.items()}
    return [
        _NOTHING if place is None else Counts(found[place[0]][place[1]], found[place[0]][place[2]])
        for place in places
    ]


def _rules(move: Move, due: Due) -> Programme:
    if due.kind == "programme":
        return in_force(move.life.programmes, due.at)
    return move.life.programme(move.standing.earned.version)


def _spans(move: Move, due: Due, rules: Programme, now: datetime) -> tuple[Span, Span] | None:
    """Return what to count for a higher level and for keeping; None where nothing needs to."""
    member_id, life = move.standing.member_id, move.life
    if due.kind == "review" and move.standing.earned.rank == rules.entry.rank:
        return None
    if due.kind == "notice":
        at = review_at(move.standing.earned, life.zone)
        span = Span(member_id, rules.review_counts_after(at, life.began_at, life.zone), now)
        return span, span
    return (
        Span(member_id, rules.counts_after(due.at, life.began_at, life.zone), due.at),
        Span(member_id, rules.review_counts_after(due.at, life.began_at, life.zone), due.at),
    )
