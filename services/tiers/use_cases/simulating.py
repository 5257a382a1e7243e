"""What a version of the programme would do to the members, without doing it (T5)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any
from uuid import UUID

from services.tiers.domain.machine import Counts, Earned
from services.tiers.domain.programme import Programme
from services.tiers.queries.passing import Move
from services.tiers.queries.programmes import any_version
from services.tiers.repository import facts, states
from services.tiers.repository.facts import Span
from services.tiers.use_cases.moving import move_of
from shared.contracts.base import WireSchema
from shared.contracts.fields import StrictInteger
from shared.db import UnitOfWork
from shared.jobs import JobKind, JobState, Progress, files, finished, more, start

A_SLICE = 500
_COLUMNS = ("member_id", "from_tier", "to_tier", "when", "have", "threshold")


class SimulationSchema(WireSchema):
    """Which version to try."""

    version = StrictInteger(required=True)


SIMULATE = JobKind("tiers", "simulate_programme", SimulationSchema, content_type="text/csv")


@dataclass(frozen=True, slots=True)
class Shift:
    """A member who would move: ``at_once``, or at the next ``review`` if nothing more is bought."""

    member_id: UUID
    from_tier: str
    to_tier: str
    when: str
    have: int
    threshold: int

    @property
    def row(self) -> tuple[str, ...]:
        """Return the line of the list."""
        return tuple(str(getattr(self, name)) for name in _COLUMNS)


def simulate_programme(uow: UnitOfWork, *, version: int) -> dict[str, Any]:
    """Start a job that finds out who would move; raises `NotFound`."""
    any_version(uow, version)
    return start(uow, SIMULATE, {"version": version}, total=states.count_active(uow.connection))


def simulate_slice(uow: UnitOfWork, work: JobState, *, time_zone: tzinfo) -> Progress:
    """Try the version on the next members; writes nothing but the job's own list and counts."""
    rules = any_version(uow, work.request["version"])
    last = work.state.get("last")
    rows = states.page(uow.connection, after=last and UUID(last), limit=A_SLICE)
    moves = [move_of(uow.connection, row, time_zone) for row in rows]
    shifts = _shifts(uow, rules, moves)
    counts: dict[str, int] = dict(work.state.get("counts", {}))
    for shift in shifts:
        name = json.dumps([shift.when, shift.from_tier, shift.to_tier])
        counts[name] = counts.get(name, 0) + 1
    if last is None or shifts:
        header = [_COLUMNS] if last is None else []
        lines = _csv([*header, *(shift.row for shift in shifts)])
        files.append_output(uow, work.job_id, lines)
    done = work.done + len(moves)
    if len(rows) < A_SLICE:
        return finished(work, done=done, result=_result(rules, done, counts))
    state = {"last": str(rows[-1].member_id), "counts": counts}
    return more(work, done=done, state=state)


def shift_of(move: Move, rules: Programme, counts: Counts) -> Shift | None:
    """Return how a member would move under ``rules``, with what counts by them now."""
    earned: Earned = move.standing.earned
    level = move.life.programme(earned.version).at_rank(earned.rank)
    carried = rules.matching(level.code, level.rank)
    reached = rules.reached(counts.have)
    member_id = move.standing.member_id
    if reached.rank > carried.rank:
        return Shift(member_id, level.code, reached.code, "at_once", counts.have, reached.threshold)
    if carried.code != level.code:
        return Shift(member_id, level.code, carried.code, "at_once", counts.have, carried.threshold)
    if counts.kept < carried.threshold:
        lower = rules.below(carried.rank)
        return Shift(member_id, level.code, lower.code, "review", counts.kept, carried.threshold)
    return None


def _shifts(uow: UnitOfWork, rules: Programme, moves: Sequence[Move]) -> list[Shift]:
    spans: list[Span] = []
    for move in moves:
        member_id, life = move.standing.member_id, move.life
        for after in (
            rules.counts_after(uow.now, life.began_at, life.zone),
            rules.review_counts_after(uow.now, life.began_at, life.zone),
        ):
            spans.append(Span(member_id, after, facts.BEYOND))
    found = facts.counts(uow.connection, rules.metric, spans)
    tried = (
        shift_of(move, rules, Counts(found[2 * place], found[2 * place + 1]))
        for place, move in enumerate(moves)
    )
    return [shift for shift in tried if shift is not None]


def _result(rules: Programme, members: int, counts: dict[str, int]) -> dict[str, Any]:
    moves = []
    for name, number in sorted(counts.items()):
        when, from_tier, to_tier = json.loads(name)
        moves.append({"when": when, "from_tier": from_tier, "to_tier": to_tier, "members": number})
    return {
        "version": rules.version,
        "members": members,
        "would_move": sum(counts.values()),
        "moves": moves,
    }


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
