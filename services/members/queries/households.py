"""Who shares a household."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.members import tables, views
from services.members.queries.members import MAX_LIMIT
from services.members.vault import Vault
from shared.db import Snapshot
from shared.errors import NotFound


def household(snapshot: Snapshot, *, vault: Vault, household_id: UUID) -> dict[str, Any]:
    """Return a household; members see the one they belong to (L10).

    Raises:
        NotFound: there is none that the caller may see.
    """
    statement = _visible_households(snapshot).where(
        tables.households.c.household_id == household_id
    )
    rows = snapshot.connection.execute(statement).all()
    if not rows:
        raise NotFound
    return _households(snapshot, vault, rows)[0]


def households(
    snapshot: Snapshot,
    *,
    vault: Vault,
    limit: int,
    after: Mapping[str, Any] | None,
    member_id: UUID | None = None,
) -> dict[str, Any]:
    """Return a page of the households that the caller may see, newest first."""
    table, belongs = tables.households, tables.household_members
    statement = _visible_households(snapshot).order_by(table.c.household_id.desc())
    if member_id is not None:
        theirs = sa.select(belongs.c.household_id).where(belongs.c.member_id == member_id)
        statement = statement.where(table.c.household_id.in_(theirs))
    if after is not None:
        statement = statement.where(table.c.household_id < UUID(after["household_id"]))
    limit = min(limit, MAX_LIMIT)
    rows = snapshot.connection.execute(statement.limit(limit + 1)).all()
    page = rows[:limit]
    following = {"household_id": str(page[-1].household_id)} if len(rows) > limit else None
    return {"items": _households(snapshot, vault, page), "next": following}


def _visible_households(snapshot: Snapshot) -> sa.Select[Any]:
    statement = sa.select(tables.households)
    if snapshot.actor.kind == "staff":
        return statement
    belongs = tables.household_members
    own = sa.select(belongs.c.household_id).where(belongs.c.member_id == UUID(snapshot.actor.id))
    return statement.where(tables.households.c.household_id.in_(own))


def _households(
    snapshot: Snapshot, vault: Vault, rows: Sequence[sa.Row[Any]]
) -> list[dict[str, Any]]:
    ids = [row.household_id for row in rows]
    belongs, asked = tables.household_members, tables.household_invitations
    theirs = snapshot.connection.execute(
        sa.select(belongs)
        .where(belongs.c.household_id.in_(ids))
        .order_by(belongs.c.joined_at, belongs.c.member_id)
    ).all()
    invited = snapshot.connection.execute(
        sa.select(asked)
        .where(asked.c.household_id.in_(ids), asked.c.expires_at > snapshot.now)
        .order_by(asked.c.expires_at, asked.c.member_id)
    ).all()
    return [
        views.household_view(
            vault,
            row,
            members=[each for each in theirs if each.household_id == row.household_id],
            invitations=[each for each in invited if each.household_id == row.household_id],
            actor=snapshot.actor,
        )
        for row in rows
    ]


def left_household(snapshot: Snapshot, *, household_id: UUID) -> dict[str, Any]:
    """Return what somebody still learns of a household it has just left: next to nothing."""
    table = tables.households
    row = snapshot.connection.execute(
        sa.select(table).where(table.c.household_id == household_id)
    ).one()
    return {
        "household_id": household_id,
        "name": None,
        "status": "active" if row.closed_at is None else "closed",
        "owner_member_id": None,
        "members": [],
        "invitations": [],
        "created_at": row.created_at,
    }
