"""Overrides, with who and why (T4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.tiers.repository import overrides
from shared.db import Snapshot
from shared.errors import NotFound


def override(snapshot: Snapshot, *, override_id: UUID) -> dict[str, Any]:
    """Return one override; raises `NotFound`."""
    row = overrides.find(snapshot.connection, override_id)
    if row is None:
        raise NotFound
    return override_body(row)


def override_list(
    snapshot: Snapshot, *, limit: int, after: Mapping[str, Any] | None, **wanted: Any
) -> dict[str, Any]:
    """Return a page of overrides, newest first."""
    last = UUID(after["override_id"]) if after else None
    rows = overrides.page(snapshot.connection, limit=limit + 1, before=last, **wanted)
    page = rows[:limit]
    following = {"override_id": str(page[-1]["override_id"])} if len(rows) > limit else None
    return {"items": [override_body(row) for row in page], "next": following}


def override_body(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return an override's row in the shape of its schema."""
    return {
        **row,
        "requested_by": row["requested_by_id"],
        "decided_by": row["decided_by_id"],
    }
