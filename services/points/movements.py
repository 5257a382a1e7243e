"""Reads of what moves points beside sales: holds (L5), adjustments (L9), sharing (L10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from services.points import queries
from services.points.repository import adjustments, holds, households, transfers
from services.points.use_cases.holds import may_see, view
from shared.db import Snapshot
from shared.db.pages import page
from shared.errors import NotFound


def hold(snapshot: Snapshot, *, hold_id: UUID) -> Mapping[str, Any]:
    """Return a hold as it stands.

    Raises:
        NotFound: there is no such hold, or it is another's.
    """
    found = holds.find(snapshot.connection, hold_id)
    if found is None or not may_see(snapshot.actor, found):
        raise NotFound
    return view(found, snapshot.now)


def hold_list(
    snapshot: Snapshot, *, limit: int, after: Mapping[str, Any] | None, **only: Any
) -> Mapping[str, Any]:
    """Return a page of holds that are the caller's business, newest first."""
    before = None if after is None else UUID(after["hold_id"])
    wanted = {name: value for name, value in only.items() if value is not None}
    if snapshot.actor.kind in ("shop", "terminal"):
        wanted["placed_by"] = snapshot.actor.key
    found = holds.page(snapshot.connection, wanted, before, limit + 1, now=snapshot.now)
    return page(found, limit, key="hold_id", view=lambda each: view(each, snapshot.now))


def adjustment(snapshot: Snapshot, *, adjustment_id: UUID) -> Mapping[str, Any]:
    """Return an adjustment.

    Raises:
        NotFound: there is no such adjustment.
    """
    found = adjustments.find(snapshot.connection, adjustment_id)
    if found is None:
        raise NotFound
    return asdict(found)


def adjustment_list(
    snapshot: Snapshot, *, limit: int, after: Mapping[str, Any] | None, **only: Any
) -> Mapping[str, Any]:
    """Return a page of adjustments, newest first."""
    before = None if after is None else UUID(after["adjustment_id"])
    wanted = {name: value for name, value in only.items() if value is not None}
    found = adjustments.page(snapshot.connection, wanted, before, limit + 1)
    return page(found, limit, key="adjustment_id", view=asdict)


def transfer(snapshot: Snapshot, *, transfer_id: UUID) -> Mapping[str, Any]:
    """Return a transfer.

    Raises:
        NotFound: there is no such transfer.
    """
    found = transfers.find(snapshot.connection, transfer_id)
    if found is None:
        raise NotFound
    return asdict(found)


def transfer_list(
    snapshot: Snapshot,
    *,
    limit: int,
    after: Mapping[str, Any] | None,
    member_id: UUID | None,
) -> Mapping[str, Any]:
    """Return a page of transfers, newest first, all or those from or to one member."""
    before = None if after is None else UUID(after["transfer_id"])
    found = transfers.page(snapshot.connection, member_id, before, limit + 1)
    return page(found, limit, key="transfer_id", view=asdict)


def household_points(snapshot: Snapshot, *, household_id: UUID) -> Mapping[str, Any]:
    """Return what a household's members can spend, by member and together.

    Raises:
        NotFound: there is no such household, or a member asks who does not belong to it.
    """
    found = households.find(snapshot.connection, household_id)
    asking = snapshot.actor
    if found is None or (asking.kind == "member" and asking.id not in map(str, found.member_ids)):
        raise NotFound
    figures = queries.figures_of(snapshot, found.member_ids)
    return {
        "household_id": household_id,
        "owner_member_id": found.owner_id,
        "available": sum(each.available for each in figures.values()),
        "members": [
            {"member_id": member_id, "available": figures[member_id].available}
            for member_id in sorted(figures)
        ],
        "as_of": snapshot.now,
    }
