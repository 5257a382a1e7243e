"""Reads of campaigns: one, the list, the versions, and what a shopper would see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.coupons import domain
from services.coupons.programme import Programme
from services.coupons.queries.keys import uuid_of
from services.coupons.repository import campaigns as campaign_rows
from services.coupons.tables import campaign_versions as versions
from services.coupons.tables import campaigns
from shared.contracts.base import load
from shared.contracts.coupons.schemas import CampaignDraftSchema
from shared.db import Snapshot
from shared.errors import FieldError, Invalid

Row = Mapping[Any, Any]
SHOWN = (
    "name",
    "kind",
    "value",
    "gift_sku",
    "max_discount_minor",
    "min_spend_minor",
    "terms",
)
"""What of a campaign its coupons show."""
_LIMITS = ("total", "per_member", "per_member_per_day", "per_store")
_EXAMPLE_CODE = "XXXX-XXXX-XXXX"


def campaign(snapshot: Snapshot, *, campaign_id: UUID) -> Mapping[str, Any]:
    """Return one campaign."""
    return campaign_body(campaign_rows.get(snapshot.connection, campaign_id))


def campaign_list(
    snapshot: Snapshot, *, status: str | None, limit: int, after: Mapping[str, str] | None
) -> Mapping[str, Any]:
    """Return campaigns, newest first."""
    statement = sa.select(campaigns).order_by(campaigns.c.campaign_id.desc()).limit(limit + 1)
    if status is not None:
        statement = statement.where(campaigns.c.status == status)
    if after is not None:
        statement = statement.where(campaigns.c.campaign_id < uuid_of(after, "campaign_id"))
    rows = list(snapshot.connection.execute(statement).mappings())
    page = rows[:limit]
    more = len(rows) > limit
    return {
        "items": [campaign_body(row) for row in page],
        "next": {"campaign_id": str(page[-1]["campaign_id"])} if more else None,
    }


def campaign_versions(
    snapshot: Snapshot, *, campaign_id: UUID, limit: int, after: Mapping[str, int] | None
) -> Mapping[str, Any]:
    """Return the terms of a campaign since it was first published, newest first."""
    row = campaign_rows.get(snapshot.connection, campaign_id)
    before = _version(after) if after is not None else None
    statement = (
        sa.select(versions)
        .where(versions.c.campaign_id == campaign_id)
        .order_by(versions.c.version.desc())
        .limit(limit + 1)
    )
    if before is not None:
        statement = statement.where(versions.c.version < before)
    older = [
        {**load(CampaignDraftSchema, found["body"]), **found}
        for found in snapshot.connection.execute(statement).mappings()
    ]
    present = {**campaign_body(row), "superseded_at": None}
    first_page = before is None and row["published_at"] is not None
    items = [present, *older] if first_page else older
    more = len(items) > limit
    page = items[:limit]
    return {"items": page, "next": {"version": page[-1]["version"]} if more else None}


def preview(snapshot: Snapshot, *, programme: Programme, campaign_id: UUID) -> Mapping[str, Any]:
    """Return a coupon of the campaign as a shopper would see it if it had it now (C5)."""
    row = campaign_rows.get(snapshot.connection, campaign_id)
    terms = campaign_rows.terms_of(row)
    zone, now = programme.zone, snapshot.now
    valid_from, valid_until = domain.period(terms.validity, now, zone)
    problems = domain.publish_problems(terms, now) if row["status"] == "draft" else []
    example = (terms.code_pattern or "*").replace("*", _EXAMPLE_CODE)
    return {
        "headline": domain.headline(terms, programme.currency),
        "conditions": domain.conditions(terms, valid_until, zone=zone, currency=programme.currency),
        "name": row["name"],
        "terms": row["terms"],
        "code": terms.code_value if terms.public else example,
        "valid_from": valid_from,
        "valid_until": valid_until,
        "valid_until_local": domain.local_text(valid_until, zone),
        "time_zone": str(zone),
        "days_left": domain.days_left(valid_until, now, zone),
        "problems": [problem.to_wire() for problem in problems],
    }


def campaign_body(row: Row) -> dict[str, Any]:
    """Return a campaign's row in the shape of its schema."""
    body = {column: row[column] for column in SHOWN}
    body |= {
        name: row[name]
        for name in (
            "campaign_id",
            "status",
            "version",
            "scope",
            "excluded",
            "budget_minor",
            "restore_on_partial_return",
            "giftable",
            "priority",
            "created_at",
            "published_at",
        )
    }
    limits = {name: row[f"limit_{name}"] for name in _LIMITS}
    return {
        **body,
        "validity": _validity_body(row),
        "limits": {name: limit for name, limit in limits.items() if limit is not None},
        "trigger": _trigger_body(row),
        "stacking": {
            "category": row["stacking_category"],
            "exclusive": row["stacking_exclusive"],
            "joint_with": row["stacking_joint_with"],
        },
        "code": {
            "type": row["code_type"],
            "value": row["code_value"],
            "pattern": row["code_pattern"],
        },
    }


def _trigger_body(row: Row) -> dict[str, Any] | None:
    if row["trigger_on"] is None:
        return None
    tiers = row["trigger_tiers"]
    return {"on": row["trigger_on"], **({} if tiers is None else {"tiers": tiers})}


def _validity_body(row: Row) -> dict[str, Any] | None:
    if row["never_expires"]:
        return {"never_expires": True}
    names = ("starts_at", "ends_at", "days_after_issue")
    return {name: row[name] for name in names if row[name] is not None} or None


def _version(after: Mapping[str, Any]) -> int:
    version = after.get("version")
    if not isinstance(version, int):
        raise Invalid(errors=[FieldError("after", "invalid", "Not a key of this list.")])
    return version
