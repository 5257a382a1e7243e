"""Where a member stands, and how it came there (T3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.tiers import tables
from services.tiers.domain.machine import grace_until
from services.tiers.domain.programme import Programme
from services.tiers.domain.standing import Standing
from services.tiers.queries.benefits import benefit_bodies
from services.tiers.queries.passing import Move
from services.tiers.queries.programmes import window_body
from services.tiers.queries.standing import rules_of, standing_now
from services.tiers.repository import facts, overrides
from services.tiers.repository.facts import Span
from shared.db import Snapshot

MAX_LIMIT = 200


def member_tier(
    snapshot: Snapshot, *, time_zone: tzinfo, member_id: UUID, enrolled_at: datetime | None
) -> dict[str, Any]:
    """Return a member's tier, what keeps it, and what is missing to the next."""
    move = standing_now(snapshot, member_id, enrolled_at, time_zone)
    standing, rules = move.standing, rules_of(move, snapshot.now)
    level = rules.matching(standing.tier, standing.rank)
    return {
        "member_id": member_id,
        "tier": {"code": level.code, "name": level.name, "rank": level.rank},
        "source": standing.source,
        "multiplier": level.multiplier,
        "since": standing.since,
        "review_on": standing.earned.review_on,
        "grace_until": grace_until(standing.earned, rules) if standing.earned.in_grace else None,
        "progress": _progress(snapshot, move, rules),
        "override": _override(snapshot, standing),
        "benefits": benefit_bodies(snapshot, move),
    }


def tier_history(
    snapshot: Snapshot, *, member_id: UUID, limit: int, after: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a page of a member's changes of tier, newest first; a member sees no staff id."""
    table = tables.history
    statement = sa.select(table).where(table.c.member_id == member_id)
    if after is not None:
        statement = statement.where(table.c.change_id < UUID(after["change_id"]))
    limit = min(limit, MAX_LIMIT)
    rows = snapshot.connection.execute(
        statement.order_by(table.c.change_id.desc()).limit(limit + 1)
    ).all()
    page = rows[:limit]
    following = {"change_id": str(page[-1].change_id)} if len(rows) > limit else None
    hidden = snapshot.actor.kind == "member"
    return {"items": [_change(row, hidden) for row in page], "next": following}


def _change(row: sa.Row[Any], hidden: bool) -> dict[str, Any]:
    actor_id = None if hidden and row.actor_kind == "staff" else row.actor_id
    return {**row._mapping, "actor": {"kind": row.actor_kind, "id": actor_id}}


def _progress(snapshot: Snapshot, move: Move, rules: Programme) -> dict[str, Any]:
    """Count what a member has; ``keep`` is what ``have`` has to be when the tier is reviewed.

    Where a review looks back further than the window, what it finds there is taken off.
    """
    standing, life, now = move.standing, move.life, snapshot.now
    member_id = standing.member_id
    starts = [
        rules.counts_after(now, life.began_at, life.zone),
        rules.review_counts_after(now, life.began_at, life.zone),
    ]
    spans = [Span(member_id, start, facts.BEYOND) for start in dict.fromkeys(starts)]
    counted = facts.counts(snapshot.connection, rules.metric, spans)
    have, kept = counted[0], counted[-1]
    level = rules.at_rank(standing.earned.rank)
    above = rules.above(max(standing.rank, standing.earned.rank))
    return {
        "metric": rules.metric,
        "window": window_body(rules),
        "have": have,
        "keep": max(level.threshold - (kept - have), 0),
        "next": above
        and {
            "code": above.code,
            "need": above.threshold,
            "missing": max(above.threshold - have, 0),
        },
    }


def _override(snapshot: Snapshot, standing: Standing) -> dict[str, Any] | None:
    """Return the override the member stands on, with why and, for staff, by whom (T4)."""
    if standing.source != "override":
        return None
    row = overrides.holding(snapshot.connection, standing.member_id, standing.tier, snapshot.now)
    if row is None:
        return None
    shown = {name: row[name] for name in ("override_id", "tier", "reason", "expires_at")}
    by = None if snapshot.actor.kind == "member" else row["requested_by_id"]
    return {**shown, "requested_by": by}
