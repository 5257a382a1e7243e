"""Reads: campaigns, and what a member holds (C5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.coupons import codes, domain
from services.coupons.programme import Programme
from services.coupons.repository import campaigns as campaign_rows
from services.coupons.repository import members as member_rows
from services.coupons.tables import campaign_versions as versions
from services.coupons.tables import campaigns, coupons
from shared.clock import parse_rfc3339, rfc3339
from shared.contracts.base import load
from shared.contracts.coupons.schemas import CampaignDraftSchema
from shared.db import Snapshot
from shared.errors import FieldError, Invalid
from shared.security.crypto import DataKey

Row = Mapping[Any, Any]
_FOREVER = sa.literal_column("TIMESTAMPTZ 'infinity'", sa.DateTime(timezone=True))
_LIMITS = ("total", "per_member", "per_member_per_day", "per_store")
_SHOWN_OF_CAMPAIGN = (
    "name",
    "kind",
    "value",
    "gift_sku",
    "max_discount_minor",
    "min_spend_minor",
    "terms",
)
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
        statement = statement.where(campaigns.c.campaign_id < _uuid(after))
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
        {**load(CampaignDraftSchema, found.body), **found._mapping}
        for found in snapshot.connection.execute(statement)
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
    body = {column: row[column] for column in _SHOWN_OF_CAMPAIGN}
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


def _validity_body(row: Row) -> dict[str, Any] | None:
    if row["never_expires"]:
        return {"never_expires": True}
    names = ("starts_at", "ends_at", "days_after_issue")
    return {name: row[name] for name in names if row[name] is not None} or None


def wallet(
    snapshot: Snapshot,
    *,
    programme: Programme,
    member_id: UUID,
    status: str | None,
    owner: bool,
    limit: int,
    after: Mapping[str, str | None] | None,
) -> Mapping[str, Any]:
    """Return a member's coupons, soonest expiry first, each with its reason if it is no good now.

    What can no longer be used stays for `domain.VISIBLE_AFTER_END` (C5). Codes are in full for
    the owner only (C8).
    """
    end = sa.func.coalesce(coupons.c.valid_until, _FOREVER)
    statement = (
        sa.select(coupons, *_campaign_columns())
        .join(campaigns, campaigns.c.campaign_id == coupons.c.campaign_id)
        .where(coupons.c.member_id == member_id, *_visible(status, snapshot.now))
        .order_by(end, coupons.c.coupon_id)
        .limit(limit + 1)
    )
    if after is not None:
        seen_end = after.get("valid_until")
        last_end = _FOREVER if seen_end is None else sa.literal(_instant(seen_end))
        last = sa.tuple_(last_end, sa.literal(_uuid(after, "coupon_id")))
        statement = statement.where(sa.tuple_(end, coupons.c.coupon_id) > last)
    rows = list(snapshot.connection.execute(statement).mappings())
    page, more = _as_issued(snapshot, rows[:limit]), len(rows) > limit
    show = _Codes(programme) if owner else None
    return {
        "items": [
            coupon_body(
                row,
                code=show.of(row) if show else codes.masked(row["code_hint"]),
                programme=programme,
                now=snapshot.now,
            )
            for row in page
        ],
        "next": _position(page[-1]) if more else None,
    }


def coupon_body(row: Row, *, code: str, programme: Programme, now: datetime) -> dict[str, Any]:
    """Return a coupon's row, with its campaign's columns, in the shape of its schema (C5)."""
    status = domain.status_at(row["status"], row["valid_until"], now)
    left = domain.days_left(row["valid_until"], now, programme.zone)
    usable = status in ("issued", "restored")
    return {
        **{name: row[name] for name in _SHOWN_OF_CAMPAIGN},
        "headline": domain.headline(campaign_rows.terms_of(row), programme.currency),
        "coupon_id": row["coupon_id"],
        "member_id": row["member_id"],
        "code": code,
        "campaign_id": row["campaign_id"],
        "status": status,
        "valid_from": row["valid_from"],
        "valid_until": row["valid_until"],
        "valid_until_local": domain.local_text(row["valid_until"], programme.zone),
        "time_zone": str(programme.zone),
        "days_left": left,
        "expires_soon": usable and left is not None and left <= domain.EXPIRES_SOON_DAYS,
        "reason": domain.wallet_reason(
            status,
            valid_from=row["valid_from"],
            now=now,
            campaign_status=row["campaign_status"],
        ),
    }


def unknown_members(snapshot: Snapshot, *, member_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these members this service has not heard of."""
    return member_rows.unknown(snapshot.connection, member_ids)


def _as_issued(snapshot: Snapshot, rows: Sequence[Row]) -> list[Row]:
    """Return coupons' rows with their campaigns' columns as they were when they were issued."""
    replaced = {
        (row["campaign_id"], row["version"])
        for row in rows
        if row["version"] != row["present_version"]
    }
    older = campaign_rows.superseded(snapshot.connection, replaced)
    return [{**row, **older.get((row["campaign_id"], row["version"]), {})} for row in rows]


class _Codes:
    """Opens codes; a campaign's key is unwrapped once."""

    def __init__(self, programme: Programme) -> None:
        self._book = programme.codes
        self._keys: dict[UUID, DataKey] = {}

    def of(self, row: Row) -> str:
        campaign_id = row["campaign_id"]
        if campaign_id not in self._keys:
            self._keys[campaign_id] = self._book.key(row["code_key"])
        return codes.unseal(self._keys[campaign_id], row["coupon_id"], row["code_sealed"])


def _campaign_columns() -> list[sa.ColumnElement[Any]]:
    own = {"campaign_id", "status", "version", *coupons.c.keys()}
    return [
        *(column for column in campaigns.c if column.name not in own),
        campaigns.c.status.label("campaign_status"),
        campaigns.c.version.label("present_version"),
    ]


def _visible(status: str | None, now: datetime) -> list[sa.ColumnElement[bool]]:
    """Return the conditions for what a wallet shows: the status as it is at ``now``."""
    stored = coupons.c.status
    free = stored.in_(("issued", "restored"))
    lapsed = sa.and_(free, coupons.c.valid_until <= now)
    ended = sa.or_(stored.in_(("redeemed", "void", "gifted")), stored == "expired", lapsed)
    ended_at = sa.case(
        (sa.or_(stored == "expired", lapsed), coupons.c.valid_until), else_=coupons.c.updated_at
    )
    recent = sa.or_(sa.not_(ended), ended_at > now - domain.VISIBLE_AFTER_END)
    if status is None:
        return [recent]
    if status == "expired":
        return [recent, sa.or_(stored == "expired", lapsed)]
    if status in ("issued", "restored"):
        good = sa.or_(coupons.c.valid_until.is_(None), coupons.c.valid_until > now)
        return [stored == status, good]
    return [recent, stored == status]


def _position(row: Row) -> dict[str, str | None]:
    end = row["valid_until"]
    return {
        "valid_until": None if end is None else rfc3339(end),
        "coupon_id": str(row["coupon_id"]),
    }


def _version(after: Mapping[str, Any]) -> int:
    version = after.get("version")
    if not isinstance(version, int):
        raise Invalid(errors=[FieldError("after", "invalid", "Not a key of this list.")])
    return version


def _uuid(after: Mapping[str, str | None], key: str = "campaign_id") -> UUID:
    try:
        return UUID(str(after[key]))
    except (KeyError, ValueError):
        raise Invalid(errors=[FieldError("after", "invalid", "Not a key of this list.")]) from None


def _instant(text: str) -> datetime:
    try:
        return parse_rfc3339(text)
    except ValueError:
        raise Invalid(errors=[FieldError("after", "invalid", "Not a key of this list.")]) from None
