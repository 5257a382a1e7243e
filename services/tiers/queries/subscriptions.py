"""Plans and paid memberships (T7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.tiers.repository import subscriptions
from shared.db import Snapshot
from shared.errors import NotFound


def plan(snapshot: Snapshot, *, plan: str) -> dict[str, Any]:
    """Return a plan; raises `NotFound`."""
    row = subscriptions.plan(snapshot.connection, plan)
    if row is None:
        raise NotFound
    return dict(row)


def plan_list(snapshot: Snapshot, *, limit: int, after: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a page of plans."""
    last = str(after["plan"]) if after else None
    rows = subscriptions.plans(snapshot.connection, after=last, limit=limit + 1)
    page = rows[:limit]
    following = {"plan": page[-1]["plan"]} if len(rows) > limit else None
    return {"items": [dict(row) for row in page], "next": following}


def subscription(snapshot: Snapshot, *, member_id: UUID, subscription_id: UUID) -> dict[str, Any]:
    """Return one of a member's paid memberships; raises `NotFound`."""
    for row in subscriptions.of_member(snapshot.connection, member_id):
        if row["subscription_id"] == subscription_id:
            return dict(row)
    raise NotFound


def subscription_list(
    snapshot: Snapshot, *, member_id: UUID, limit: int, after: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a page of a member's paid memberships, newest first."""
    last = UUID(after["subscription_id"]) if after else None
    rows = subscriptions.of_member(snapshot.connection, member_id, before=last, limit=limit + 1)
    page = rows[:limit]
    more = len(rows) > limit
    following = {"subscription_id": str(page[-1]["subscription_id"])} if more else None
    return {"items": [dict(row) for row in page], "next": following}
