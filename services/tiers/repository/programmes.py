"""Versions of the tier programme; a published one never changes, so it is read once (T5)."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from services.tiers import tables
from services.tiers.domain.programme import Benefit, Level, Programme, Quota, Window

_KEPT = 16
_read: dict[str, tuple[Programme, ...]] = {}
"""Published versions by the text that `EDITIONS` makes of their digests."""

_row = tables.programmes.c
EDITIONS = (
    sa.select(
        sa.func.string_agg(
            sa.func.concat(_row.version, ":", _row.digest, ":", _row.effective_from),
            sa.text("',' ORDER BY effective_from"),
        )
    )
    .select_from(tables.programmes)
    .scalar_subquery()
)
"""Names all published versions with what they say; a query for members takes it along."""


def published(connection: sa.Connection, editions: str | None = None) -> tuple[Programme, ...]:
    """Return the published versions by rising ``effective_from``; there always is one."""
    if editions is None:
        editions = str(connection.execute(sa.select(EDITIONS)).scalar_one())
    found = _read.get(editions)
    if found is None:
        found = _load(connection)
        if len(_read) >= _KEPT:
            _read.clear()
        _read[editions] = found
    return found


def _load(connection: sa.Connection) -> tuple[Programme, ...]:
    benefits = _benefits(connection)
    levels: defaultdict[int, list[Level]] = defaultdict(list)
    for row in connection.execute(sa.select(tables.levels).order_by(tables.levels.c.rank)):
        levels[row.version].append(
            Level(
                row.code,
                row.name,
                row.rank,
                row.threshold,
                decimal_text(row.multiplier),
                tuple(benefits[row.version, row.rank]),
            )
        )
    statement = sa.select(tables.programmes).order_by(tables.programmes.c.effective_from)
    return tuple(
        Programme(
            version=row.version,
            name=row.name,
            metric=row.metric,
            window=Window(row.window_type, row.window_months),
            review_months=row.review_months,
            grace_days=row.grace_days,
            effective_from=row.effective_from,
            levels=tuple(levels[row.version]),
        )
        for row in connection.execute(statement)
    )


def _benefits(connection: sa.Connection) -> defaultdict[tuple[int, int], list[Benefit]]:
    found: defaultdict[tuple[int, int], list[Benefit]] = defaultdict(list)
    for row in connection.execute(sa.select(tables.benefits).order_by(tables.benefits.c.place)):
        found[row.version, row.rank].append(_benefit(row))
    return found


def _benefit(row: sa.Row[Any]) -> Benefit:
    return Benefit(
        row.code,
        row.kind,
        row.name,
        row.value,
        row.campaign_id and str(row.campaign_id),
        Quota(row.quota_count, row.quota_per) if row.quota_count else None,
    )


def decimal_text(value: Decimal) -> str:
    """Return the shortest text: 1.250 is ``1.25``, 1.000 is ``1``."""
    return format(value.normalize(), "f")
