"""Campaigns as rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg2.errors
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.coupons.codes import normalise
from services.coupons.domain import Campaign, Limits, Scope, Stacking, Terms, Trigger, Validity
from services.coupons.tables import campaign_versions, campaigns
from shared.contracts.base import instance_of, load
from shared.contracts.coupons.schemas import CampaignDraftSchema
from shared.errors import NotFound
from shared.errors.coupons import CampaignStateConflict, CodeTaken

Row = sa.RowMapping
Columns = dict[str, Any]
Version = tuple[UUID, int]
"""Campaign and the number of a version of its terms."""

_PLAIN = (
    "name",
    "kind",
    "value",
    "gift_sku",
    "max_discount_minor",
    "min_spend_minor",
    "scope",
    "excluded",
    "budget_minor",
    "restore_on_partial_return",
    "giftable",
    "terms",
    "priority",
)
_LIMITS = ("total", "per_member", "per_member_per_day", "per_store")
_RUNNING = ("published", "paused")


def columns_of(command: Mapping[str, Any]) -> Columns:
    """Return the columns that a draft, or a change of one, sets."""
    columns: Columns = {name: command[name] for name in _PLAIN if name in command}
    if "validity" in command:
        validity = command["validity"] or {}
        columns["starts_at"] = validity.get("starts_at")
        columns["ends_at"] = validity.get("ends_at")
        columns["days_after_issue"] = validity.get("days_after_issue")
        columns["never_expires"] = validity.get("never_expires", False)
    if "limits" in command:
        columns |= {f"limit_{name}": command["limits"].get(name) for name in _LIMITS}
    if "stacking" in command:
        columns |= {f"stacking_{name}": value for name, value in command["stacking"].items()}
    if "trigger" in command:
        trigger = command["trigger"] or {}
        columns["trigger_on"] = trigger.get("on")
        columns["trigger_tiers"] = trigger.get("tiers")
    if "code" in command:
        value = command["code"]["value"]
        columns["code_type"] = command["code"]["type"]
        columns["code_value"] = value
        columns["code_pattern"] = command["code"]["pattern"]
        columns["code_normal"] = None if value is None else normalise(value)
    return columns


def terms_of(columns: Mapping[Any, Any]) -> Terms:
    """Return the terms that a row, or the columns for one, state."""
    return Terms(
        kind=columns["kind"],
        value=columns["value"],
        max_discount_minor=columns["max_discount_minor"],
        min_spend_minor=columns["min_spend_minor"],
        scope=_scope(columns["scope"]),
        excluded=_scope(columns["excluded"]),
        validity=Validity(
            starts_at=columns["starts_at"],
            ends_at=columns["ends_at"],
            days_after_issue=columns["days_after_issue"],
            never_expires=columns["never_expires"],
        ),
        limits=Limits(**{name: columns[f"limit_{name}"] for name in _LIMITS}),
        budget_minor=columns["budget_minor"],
        stacking=Stacking(
            category=columns["stacking_category"],
            exclusive=columns["stacking_exclusive"],
            joint_with=frozenset(columns["stacking_joint_with"]),
        ),
        code_type=columns["code_type"],
        code_value=columns["code_value"],
        restore_on_partial_return=columns["restore_on_partial_return"],
        priority=columns["priority"],
        gift_sku=columns["gift_sku"],
        code_pattern=columns["code_pattern"],
        giftable=columns["giftable"],
        trigger=_trigger(columns),
    )


def campaign_of(row: Mapping[Any, Any]) -> Campaign:
    """Return a row as the domain sees it."""
    terms = terms_of(row)
    return Campaign(row["campaign_id"], row["name"], row["status"], terms, row["version"])


def _trigger(columns: Mapping[Any, Any]) -> Trigger | None:
    if columns["trigger_on"] is None:
        return None
    tiers = columns["trigger_tiers"]
    return Trigger(columns["trigger_on"], None if tiers is None else frozenset(tiers))


def _scope(stored: Mapping[str, Sequence[str]]) -> Scope:
    return Scope(**{key: frozenset(values) for key, values in stored.items()})


def insert(connection: sa.Connection, columns: Columns) -> sa.RowMapping:
    """Store a new campaign."""
    statement = sa.insert(campaigns).values(**columns).returning(campaigns)
    return connection.execute(statement).mappings().one()


def get(connection: sa.Connection, campaign_id: UUID, *, lock: bool = False) -> sa.RowMapping:
    """Return a campaign's row.

    Raises:
        NotFound: there is none.
    """
    statement = sa.select(campaigns).where(campaigns.c.campaign_id == campaign_id)
    if lock:
        # Its key does not change: coupons may refer to it meanwhile.
        statement = statement.with_for_update(key_share=True)
    row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise NotFound
    return row


def by_version(connection: sa.Connection, keys: Iterable[Version]) -> dict[Version, Campaign]:
    """Return campaigns as they stand, each with the terms of the version asked for."""
    wanted = set(keys)
    ids = {campaign_id for campaign_id, _ in wanted}
    statement = sa.select(campaigns).where(campaigns.c.campaign_id.in_(ids))
    rows = {row["campaign_id"]: row for row in connection.execute(statement).mappings()}
    present = {(key, row["version"]) for key, row in rows.items()}
    older = superseded(connection, wanted - present)
    return {
        key: campaign_of({**rows[key[0]], **older.get(key, {}), "version": key[1]})
        for key in wanted
    }


def get_version(connection: sa.Connection, campaign_id: UUID, version: int) -> Columns:
    """Return a campaign's row with the terms of one of its versions."""
    row = dict(get(connection, campaign_id))
    if row["version"] == version:
        return row
    older = superseded(connection, [(campaign_id, version)])
    return {**row, **older[campaign_id, version], "version": version}


def superseded(connection: sa.Connection, keys: Collection[Version]) -> dict[Version, Columns]:
    """Return the columns that made up versions that have been replaced."""
    if not keys:
        return {}
    key = sa.tuple_(campaign_versions.c.campaign_id, campaign_versions.c.version)
    statement = sa.select(campaign_versions).where(key.in_(list(keys)))
    return {
        (row.campaign_id, row.version): columns_of(load(CampaignDraftSchema, row.body))
        for row in connection.execute(statement)
    }


def supersede(connection: sa.Connection, row: sa.RowMapping, body: Columns, now: datetime) -> None:
    """Keep the terms that a new version is about to replace."""
    connection.execute(
        sa.insert(campaign_versions).values(
            campaign_id=row["campaign_id"],
            version=row["version"],
            body=instance_of(CampaignDraftSchema).dump(body),
            published_at=row["published_at"],
            superseded_at=now,
        )
    )


def triggered(connection: sa.Connection, on: str) -> list[sa.RowMapping]:
    """Return the published campaigns that give coupons upon this, in the order of their ids."""
    statement = (
        sa.select(campaigns)
        .where(campaigns.c.trigger_on == on, campaigns.c.status == "published")
        .order_by(campaigns.c.campaign_id)
    )
    return list(connection.execute(statement).mappings())


def by_public_code(connection: sa.Connection, normals: Iterable[str]) -> dict[str, Campaign]:
    """Return the running campaigns with these public codes, by normal code."""
    # An import asks for thousands at once: one array, not a parameter each.
    wanted = sa.literal(list(set(normals)), ARRAY(sa.Text))
    statement = sa.select(campaigns).where(
        campaigns.c.code_type == "public",
        campaigns.c.status.in_(_RUNNING),
        campaigns.c.code_normal == sa.any_(wanted),
    )
    found = connection.execute(statement).mappings()
    return {row["code_normal"]: campaign_of(row) for row in found}


def move(
    connection: sa.Connection,
    campaign_id: UUID,
    *,
    sources: Sequence[str],
    target: str,
    now: datetime,
    **columns: Any,
) -> sa.RowMapping:
    """Change the status by one conditional update.

    Raises:
        CampaignStateConflict: its status is none of ``sources``.
        CodeTaken: another running campaign has its public code.
    """
    statement = (
        sa.update(campaigns)
        .where(campaigns.c.campaign_id == campaign_id, campaigns.c.status.in_(sources))
        .values(status=target, updated_at=now, **columns)
        .returning(campaigns)
    )
    try:
        row = connection.execute(statement).mappings().one_or_none()
    except sa.exc.IntegrityError as error:
        if isinstance(error.orig, psycopg2.errors.UniqueViolation):
            raise CodeTaken from None
        raise
    if row is None:
        raise CampaignStateConflict
    return row
