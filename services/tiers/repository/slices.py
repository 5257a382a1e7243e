"""Slices of members for whom time has made something due: locked, then written, all at once.

What members who stand alike share goes over the wire once, as a row of its own; the members follow
as arrays that say which of these rows is theirs. So a slice takes a handful of statements.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.tiers import tables
from services.tiers.domain.alike import Alike, Outcome
from services.tiers.domain.programme import BEGINNING
from services.tiers.domain.standing import ACTIVE, Change
from services.tiers.repository.programmes import EDITIONS
from shared.calls import SYSTEM
from shared.ids import new_id

_STATE = tables.states.c
_OWN = (
    sa.cast(_STATE.member_id, sa.Text),
    sa.func.coalesce(_STATE.began_at, _STATE.since),
    sa.func.coalesce(_STATE.told_from, _STATE.since),
    sa.func.coalesce(_STATE.judged_at, _STATE.since),
    EDITIONS,
)
_ALIKE = (
    _STATE.programme_version,
    sa.func.coalesce(_STATE.earned_rank, _STATE.rank),
    _STATE.review_on,
    _STATE.in_grace,
    _STATE.notified,
    _STATE.tier,
    _STATE.rank,
    _STATE.source,
    _STATE.floor_tier,
    _STATE.floor_rank,
    _STATE.floor_source,
    _STATE.floor_changes_at,
)


class Row(NamedTuple):
    """A locked member: what is its own, and what it shares with others."""

    member_id: str
    began_at: datetime
    told_from: datetime
    judged_at: datetime
    editions: str
    alike: Alike


def lock_due(connection: sa.Connection, now: datetime, limit: int) -> list[Row]:
    """Return members for whom time has made something due; whom another works on is left out."""
    due = sa.select(*_OWN, *_ALIKE).where(_STATE.due_at <= now).order_by(_STATE.due_at)
    return _lock(connection, due, limit)


def lock_older(connection: sa.Connection, versions: Sequence[int], limit: int) -> list[Row]:
    """Return members still judged by one of ``versions``."""
    older = sa.select(*_OWN, *_ALIKE).where(_STATE.programme_version.in_(versions))
    return _lock(connection, older, limit)


def _lock(connection: sa.Connection, which: sa.Select[Any], limit: int) -> list[Row]:
    batch = which.where(_STATE.status == ACTIVE).limit(limit)
    rows = connection.execute(batch.with_for_update(of=tables.states, skip_locked=True))
    return [Row(row[0], row[1], row[2], row[3], row[4], Alike(*row[5:])) for row in rows]


class Judged(NamedTuple):
    """Members of a slice who have the same outcome, each with what counts for it."""

    outcome: Outcome
    members: Sequence[str]
    haves: Sequence[int]


_KEPT_UNLESS_SET = ("since", "told_from", "earned_since", "judged_at")
_STEPS = {
    "tier": "text",
    "rank": "smallint",
    "source": "text",
    "review_on": "date",
    "programme_version": "integer",
    "earned_rank": "smallint",
    "in_grace": "boolean",
    "notified": "smallint",
    "due_at": "timestamptz",
}
_INSTANTS = dict.fromkeys(_KEPT_UNLESS_SET, "timestamptz")
_CHANGES = {
    "from_tier": "text",
    "tier": "text",
    "source": "text",
    "reason": "text",
    "keep": "bigint",
    "programme_version": "integer",
    "effective_from": "timestamptz",
}


def _shared(columns: dict[str, str]) -> str:
    listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return f"jsonb_to_recordset(CAST(:shared AS jsonb)) AS o (place integer, {listed})"


_SAVE = sa.text(
    "UPDATE tier_states AS s SET began_at = coalesce(s.began_at, s.since), "  # noqa: S608 - ours
    + ", ".join(f"{name} = o.{name}" for name in _STEPS)
    + "".join(f", {name} = coalesce(o.{name}, s.{name}, s.since)" for name in _KEPT_UNLESS_SET)
    + " FROM unnest(CAST(:members AS uuid[]), CAST(:places AS integer[])) AS m (member_id, place)"
    f" JOIN {_shared(_STEPS | _INSTANTS)} USING (place) WHERE s.member_id = m.member_id"
)
_ADD_HISTORY = sa.text(
    "INSERT INTO tier_history (change_id, member_id, have, recorded_at,"  # noqa: S608 - ours
    " actor_kind, actor_id, "
    + ", ".join(_CHANGES)
    + ") SELECT m.change_id, m.member_id, m.have, :now, :actor_kind, :actor_id, "
    + ", ".join(f"o.{name}" for name in _CHANGES)
    + " FROM unnest(CAST(:changes AS uuid[]), CAST(:members AS uuid[]),"
    " CAST(:places AS integer[]), CAST(:haves AS bigint[]))"
    f" AS m (change_id, member_id, place, have) JOIN {_shared(_CHANGES)} USING (place)"
)


def save(connection: sa.Connection, judged: Sequence[Judged], now: datetime) -> None:
    """Write where the members of a slice stand now, and their rows of history (T5)."""
    if not judged:
        return
    steps = [_step(place, each.outcome) for place, each in enumerate(judged)]
    connection.execute(_SAVE, {"shared": _json(steps), **_members(list(enumerate(judged)))})
    changed, shared = [], []
    for place, each in enumerate(judged):
        if each.outcome.change is not None:
            changed.append((place, each))
            shared.append(_change(place, each.outcome, each.outcome.change))
    if not changed:
        return
    members = _members(changed)
    rows = {
        "shared": _json(shared),
        "haves": [have for _, each in changed for have in each.haves],
        "changes": [str(new_id()) for _ in members["members"]],
        "now": now,
        "actor_kind": SYSTEM.kind,
        "actor_id": SYSTEM.id,
    }
    connection.execute(_ADD_HISTORY, rows | members)


def _members(judged: Sequence[tuple[int, Judged]]) -> dict[str, Any]:
    return {
        "members": [member_id for _, each in judged for member_id in each.members],
        "places": [place for place, each in judged for _ in each.members],
    }


def _step(place: int, outcome: Outcome) -> dict[str, Any]:
    standing, earned = outcome.standing, outcome.standing.earned
    return {
        "place": place,
        "tier": standing.tier,
        "rank": standing.rank,
        "source": standing.source,
        "review_on": earned.review_on,
        "programme_version": earned.version,
        "earned_rank": earned.rank,
        "in_grace": earned.in_grace,
        "notified": standing.notified,
        "due_at": outcome.due_at,
        "since": _set(standing.since),
        "told_from": _set(standing.told_from),
        "earned_since": _set(earned.since),
        "judged_at": _set(earned.judged_at),
    }


def _change(place: int, outcome: Outcome, change: Change) -> dict[str, Any]:
    return {
        "place": place,
        "from_tier": change.from_tier,
        "tier": change.level.code,
        "source": change.source,
        "reason": change.reason,
        "keep": change.keep,
        "programme_version": outcome.standing.earned.version,
        "effective_from": change.at,
    }


def _set(at: datetime) -> datetime | None:
    """Return an instant, or None where each member keeps its own."""
    return None if at == BEGINNING else at


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return json.dumps(rows, default=lambda value: value.isoformat())
