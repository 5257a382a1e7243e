"""Overrides: requests, decisions, and the floors they make (T4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.tiers import tables
from services.tiers.domain.floors import Floor
from services.tiers.domain.programme import Programme, rank_of

_TABLE = tables.overrides


def add(connection: sa.Connection, row: Mapping[str, Any]) -> sa.RowMapping:
    """Insert an override of a locked member."""
    statement = sa.insert(_TABLE).values(row).returning(_TABLE)
    return connection.execute(statement).mappings().one()


def is_open(connection: sa.Connection, member_id: UUID) -> bool:
    """Whether a request of a locked member waits for approval."""
    statement = sa.select(sa.literal(1)).where(
        _TABLE.c.member_id == member_id, _TABLE.c.status == "pending_approval"
    )
    return connection.execute(statement).first() is not None


def page(
    connection: sa.Connection,
    *,
    limit: int,
    before: UUID | None,
    member_id: UUID | None,
    status: str | None,
) -> Sequence[sa.RowMapping]:
    """Return overrides, newest first."""
    statement = sa.select(_TABLE).order_by(_TABLE.c.override_id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(_TABLE.c.override_id < before)
    if member_id is not None:
        statement = statement.where(_TABLE.c.member_id == member_id)
    if status is not None:
        statement = statement.where(_TABLE.c.status == status)
    return connection.execute(statement).mappings().all()


def find(connection: sa.Connection, override_id: UUID) -> sa.RowMapping | None:
    """Return an override."""
    statement = sa.select(_TABLE).where(_TABLE.c.override_id == override_id)
    return connection.execute(statement).mappings().one_or_none()


def update(connection: sa.Connection, override_id: UUID, **values: Any) -> sa.RowMapping:
    """Change an override whose member is locked."""
    statement = sa.update(_TABLE).where(_TABLE.c.override_id == override_id).values(values)
    return connection.execute(statement.returning(_TABLE)).mappings().one()


def reject_open(connection: sa.Connection, member_id: UUID, now: datetime) -> int:
    """Reject what waits for approval for a locked member who was erased; return how many."""
    statement = sa.update(_TABLE).where(
        _TABLE.c.member_id == member_id, _TABLE.c.status == "pending_approval"
    )
    decided = {"decided_by_kind": "system", "decided_by_id": "system", "decided_at": now}
    return connection.execute(statement.values(status="rejected", **decided)).rowcount


def floors(
    connection: sa.Connection,
    member_ids: Iterable[UUID],
    programmes: tuple[Programme, ...],
    now: datetime,
) -> defaultdict[UUID, list[Floor]]:
    """Return the floors that members' overrides make, past ones included."""
    found: defaultdict[UUID, list[Floor]] = defaultdict(list)
    statement = sa.select(_TABLE).where(
        _TABLE.c.member_id.in_(list(member_ids)), _TABLE.c.starts_at.is_not(None)
    )
    for row in connection.execute(statement):
        found[row.member_id].append(
            Floor(
                row.tier,
                rank_of(row.tier, programmes, now),
                "override",
                row.starts_at,
                row.ended_at or row.expires_at,
                str(row.override_id),
            )
        )
    return found


def holding(
    connection: sa.Connection, member_id: UUID, tier: str, now: datetime
) -> sa.RowMapping | None:
    """Return the override that gives a member this tier for the longest time."""
    statement = sa.select(_TABLE).where(
        _TABLE.c.member_id == member_id,
        _TABLE.c.tier == tier,
        _TABLE.c.status == "approved",
        _TABLE.c.expires_at > now,
    )
    newest = statement.order_by(_TABLE.c.expires_at.desc()).limit(1)
    return connection.execute(newest).mappings().one_or_none()
