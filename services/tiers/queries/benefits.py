"""What a member's tier gives it, and how much of it is left (T6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from services.tiers.domain.benefits import quota_period, valid_until
from services.tiers.domain.programme import Benefit
from services.tiers.domain.standing import ACTIVE
from services.tiers.queries.passing import Move
from services.tiers.queries.standing import rules_of, standing_now
from services.tiers.repository import benefits
from shared.db import Snapshot


def member_benefits(
    snapshot: Snapshot, *, time_zone: tzinfo, member_id: UUID, enrolled_at: datetime | None
) -> dict[str, Any]:
    """Return all that a member's tier gives it now."""
    move = standing_now(snapshot, member_id, enrolled_at, time_zone)
    return {
        "member_id": member_id,
        "tier": move.standing.tier,
        "items": benefit_bodies(snapshot, move),
        "next_cursor": None,
    }


def benefit_bodies(snapshot: Snapshot, move: Move) -> list[dict[str, Any]]:
    """Return the benefits of the tier shown; a member who is not active has none."""
    if move.standing.status != ACTIVE:
        return []
    rules = rules_of(move, snapshot.now)
    level = rules.matching(move.standing.tier, move.standing.rank)
    until = valid_until(move.standing, rules, move.life.zone)
    return [
        {
            "code": benefit.code,
            "kind": benefit.kind,
            "name": benefit.name,
            "value": benefit.value,
            "quota": quota_body(snapshot, move, benefit),
            "valid_until": until,
        }
        for benefit in level.benefits
    ]


def quota_body(snapshot: Snapshot, move: Move, benefit: Benefit) -> dict[str, Any] | None:
    """Return how much of a benefit is used and left in its period; None where nobody counts."""
    if benefit.quota is None:
        return None
    rules = rules_of(move, snapshot.now)
    period = quota_period(benefit.quota.per, move.standing, rules, snapshot.now, move.life.zone)
    used = benefits.used(
        snapshot.connection,
        move.standing.member_id,
        benefit.code,
        period.starts_at,
        period.ends_at,
    )
    return {
        "count": benefit.quota.count,
        "used": used,
        "remaining": max(benefit.quota.count - used, 0),
        "period_ends_on": period.last_day,
    }


def use_body(row: Mapping[Any, Any], quota: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a use in the shape of its schema."""
    status = "used" if row["reversed_at"] is None else "reversed"
    return {**row, "status": status, "quota": quota}
