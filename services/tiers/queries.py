"""Reads of the tiers service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from services.tiers import domain, tables
from services.tiers.domain import Level, Programme
from shared.db import Snapshot

MAX_LIMIT = 200


def programme_at(connection: sa.Connection, now: datetime) -> Programme:
    """Return the version in force; there always is one, since a migration installs the first."""
    table = tables.programmes
    in_force = sa.select(table).where(table.c.effective_from <= now)
    row = connection.execute(in_force.order_by(table.c.effective_from.desc()).limit(1)).one()
    return _with_levels(connection, row)


def programme(snapshot: Snapshot) -> dict[str, Any]:
    """Return the programme in force as `ProgrammeSchema` has it."""
    found = programme_at(snapshot.connection, snapshot.now)
    return {
        "version": found.version,
        "name": found.name,
        "metric": "qualifying_points",
        "window": _window(found),
        "review_months": found.review_months,
        "grace_days": found.grace_days,
        "effective_from": found.effective_from,
        "levels": [
            {
                "code": level.code,
                "name": level.name,
                "rank": level.rank,
                "threshold": level.threshold,
                "multiplier": level.multiplier,
                "benefits": [],
            }
            for level in found.levels
        ],
    }


def member_tier(
    snapshot: Snapshot, *, time_zone: ZoneInfo, member_id: UUID, enrolled_at: datetime | None
) -> dict[str, Any]:
    """Return a member's tier and progress; the entry tier for one not heard of yet."""
    connection, now = snapshot.connection, snapshot.now
    rules = programme_at(connection, now)
    state = connection.execute(
        sa.select(tables.states).where(tables.states.c.member_id == member_id)
    ).one_or_none()
    if state is None:
        level, source, since = rules.levels[0], "earned", enrolled_at or now
        review_on = domain.review_day(since, rules.review_months, time_zone)
    else:
        level, source, since = rules.level(state.tier), state.source, state.since
        review_on = state.review_on
    start = domain.window_start(now, rules.window_months, time_zone)
    return {
        "member_id": member_id,
        "tier": {"code": level.code, "name": level.name, "rank": level.rank},
        "source": source,
        "multiplier": level.multiplier,
        "since": since,
        "review_on": review_on,
        "grace_until": None,
        "progress": _progress(rules, level, _have(connection, member_id, start)),
        "benefits": [],
    }


def tier_history(
    snapshot: Snapshot, *, member_id: UUID, limit: int, after: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a page of a member's changes of tier, newest first."""
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
    return {"items": [dict(row._mapping) for row in page], "next": following}


def _with_levels(connection: sa.Connection, row: sa.Row[Any]) -> Programme:
    table = tables.levels
    found = connection.execute(
        sa.select(table).where(table.c.version == row.version).order_by(table.c.rank)
    )
    return Programme(
        version=row.version,
        name=row.name,
        window_months=row.window_months,
        review_months=row.review_months,
        grace_days=row.grace_days,
        effective_from=row.effective_from,
        levels=tuple(
            Level(each.code, each.name, each.rank, each.threshold, _decimal(each.multiplier))
            for each in found
        ),
    )


def _have(connection: sa.Connection, member_id: UUID, after: datetime) -> int:
    sale = tables.sales
    statement = sa.select(sa.func.coalesce(sa.func.sum(sale.c.points), 0)).where(
        sale.c.member_id == member_id, sale.c.occurred_at > after
    )
    return int(connection.execute(statement).scalar_one())


def _progress(rules: Programme, level: Level, have: int) -> dict[str, Any]:
    above = rules.above(level.rank)
    return {
        "metric": "qualifying_points",
        "window": _window(rules),
        "have": have,
        "keep": level.threshold,
        "next": above
        and {
            "code": above.code,
            "need": above.threshold,
            "missing": max(above.threshold - have, 0),
        },
    }


def _window(rules: Programme) -> dict[str, Any]:
    return {"type": "rolling", "months": rules.window_months}


def _decimal(value: Decimal) -> str:
    """Return the shortest text: 1.250 is ``1.25``, 1.000 is ``1``."""
    return format(value.normalize(), "f")
