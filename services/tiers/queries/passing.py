"""Time passing for many members at once: what is due is worked out in rounds, nothing is written.

A round takes the earliest due thing of each member and counts for all of them in one statement. It
is the same rules, step by step, as `domain.machine.replay` of a single member's facts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from uuid import UUID

import sqlalchemy as sa

from services.tiers.domain.floors import Floor, next_change, standing_floor
from services.tiers.domain.machine import Life
from services.tiers.domain.programme import Programme, rank_of
from services.tiers.domain.standing import (
    Change,
    Due,
    Notice,
    Standing,
    due_next,
    pass_due,
    pass_notice,
    put_floor,
    window_of,
)
from services.tiers.repository import facts, overrides, subscriptions
from services.tiers.repository.facts import Span

MAX_ROUNDS = 1_000
"""More than any leap of a sandbox clock takes; more would be a mistake in the rules."""


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
    for (move, due), count in zip(dues, _counts(connection, dues, now), strict=True):
        if due.kind == "notice":
            move.standing, notice = pass_notice(move.standing, move.life, count, now)
            move.notices += [notice] if notice else []
        else:
            move.keep(*pass_due(move.standing, move.life, due, count))


def _counts(
    connection: sa.Connection, dues: Sequence[tuple[Move, Due]], now: datetime
) -> list[int]:
    """Count for each due thing: all members of one metric in one statement."""
    spans: defaultdict[str, list[Span]] = defaultdict(list)
    places: list[tuple[str, int] | None] = []
    for move, due in dues:
        window = window_of(move.standing, move.life, due, now)
        if window is None:
            places.append(None)
            continue
        mine = spans[window.rules.metric]
        places.append((window.rules.metric, len(mine)))
        mine.append(Span(move.standing.member_id, window.after, window.before))
    found = {metric: facts.counts(connection, metric, each) for metric, each in spans.items()}
    return [0 if place is None else found[place[0]][place[1]] for place in places]
