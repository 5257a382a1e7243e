"""Versions of the tier programme; a published one never changes, so it is read once (T5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
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


def programme_of(version: int, content: Mapping[str, Any], effective_from: datetime) -> Programme:
    """Return a draft's content, as its schema loads it, as the rules see it."""
    return Programme(
        version=version,
        name=content["name"],
        metric=content["metric"],
        window=Window(content["window"]["type"], content["window"]["months"]),
        review_months=content["review_months"],
        grace_days=content["grace_days"],
        effective_from=effective_from,
        levels=tuple(
            Level(
                level["code"],
                level["name"],
                level["rank"],
                level["threshold"],
                decimal_text(Decimal(level["multiplier"])),
                tuple(_benefit_of(benefit) for benefit in level["benefits"]),
            )
            for level in sorted(content["levels"], key=lambda each: int(each["rank"]))
        ),
    )


def _benefit_of(terms: Mapping[str, Any]) -> Benefit:
    quota, campaign_id = terms["quota"], terms["campaign_id"]
    return Benefit(
        terms["code"],
        terms["kind"],
        terms["name"] or terms["code"],
        terms["value"],
        campaign_id and str(campaign_id),
        Quota(quota["count"], quota["per"]) if quota else None,
    )


def add_draft(connection: sa.Connection, content: Any, now: datetime) -> sa.RowMapping:
    """Insert a draft under a new version number."""
    version = connection.execute(tables.versions.next_value()).scalar_one()
    values = {"version": version, "content": content, "created_at": now, "updated_at": now}
    statement = sa.insert(tables.drafts).values(values).returning(tables.drafts)
    return connection.execute(statement).mappings().one()


def lock_draft(connection: sa.Connection, version: int) -> sa.RowMapping | None:
    """Return a draft, locked until the transaction ends."""
    mine = sa.select(tables.drafts).where(tables.drafts.c.version == version)
    return connection.execute(mine.with_for_update()).mappings().one_or_none()


def find_draft(connection: sa.Connection, version: int) -> sa.RowMapping | None:
    """Return a draft."""
    mine = sa.select(tables.drafts).where(tables.drafts.c.version == version)
    return connection.execute(mine).mappings().one_or_none()


def drafts(connection: sa.Connection) -> Sequence[sa.RowMapping]:
    """Return all drafts."""
    return connection.execute(sa.select(tables.drafts)).mappings().all()


def published_at(connection: sa.Connection) -> dict[int, datetime]:
    """Return when each version was published."""
    table = tables.programmes
    found = connection.execute(sa.select(table.c.version, table.c.published_at))
    return {row.version: row.published_at for row in found}


def change_draft(
    connection: sa.Connection, version: int, content: Any, now: datetime
) -> sa.RowMapping:
    """Overwrite a locked draft."""
    mine = sa.update(tables.drafts).where(tables.drafts.c.version == version)
    values = mine.values(content=content, updated_at=now).returning(tables.drafts)
    return connection.execute(values).mappings().one()


def queue_up(connection: sa.Connection) -> None:
    """Let one publication come after the other, for each has to be later than the last."""
    connection.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended('tiers.publish', 0))")
    )


def publish(
    connection: sa.Connection,
    version: int,
    content: Mapping[str, Any],
    *,
    effective_from: datetime,
    published_at: datetime,
    digest: str,
) -> None:
    """Move a draft's content to where nobody can change it (T5)."""
    programme = programme_of(version, content, effective_from)
    connection.execute(
        sa.insert(tables.programmes).values(
            version=version,
            name=programme.name,
            metric=programme.metric,
            window_type=programme.window.type,
            window_months=programme.window.months,
            review_months=programme.review_months,
            grace_days=programme.grace_days,
            effective_from=effective_from,
            published_at=published_at,
            digest=digest,
        )
    )
    shown = ("code", "name", "rank", "threshold")
    levels = [
        {"version": version, "multiplier": Decimal(level.multiplier)}
        | {name: getattr(level, name) for name in shown}
        for level in programme.levels
    ]
    connection.execute(sa.insert(tables.levels), levels)
    benefits = [
        {
            "version": version,
            "rank": level.rank,
            "place": place,
            "code": benefit.code,
            "kind": benefit.kind,
            "name": benefit.name,
            "value": benefit.value,
            "campaign_id": benefit.campaign_id,
            "quota_count": benefit.quota and benefit.quota.count,
            "quota_per": benefit.quota and benefit.quota.per,
        }
        for level in programme.levels
        for place, benefit in enumerate(level.benefits)
    ]
    if benefits:
        connection.execute(sa.insert(tables.benefits), benefits)
    connection.execute(sa.delete(tables.drafts).where(tables.drafts.c.version == version))
