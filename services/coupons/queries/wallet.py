"""What a member holds (C5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.coupons import codes, domain
from services.coupons.programme import Programme
from services.coupons.queries.campaigns import SHOWN
from services.coupons.queries.keys import instant_of, uuid_of
from services.coupons.repository import campaigns as campaign_rows
from services.coupons.repository import members as member_rows
from services.coupons.tables import campaigns, coupons
from shared.clock import rfc3339
from shared.db import Snapshot
from shared.errors import NotFound
from shared.security.crypto import DataKey

Row = Mapping[Any, Any]
_FOREVER = sa.literal_column("TIMESTAMPTZ 'infinity'", sa.DateTime(timezone=True))


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
        sa.select(coupons, *campaign_columns())
        .join(campaigns, campaigns.c.campaign_id == coupons.c.campaign_id)
        .where(coupons.c.member_id == member_id, *_visible(status, snapshot.now))
        .order_by(end, coupons.c.coupon_id)
        .limit(limit + 1)
    )
    if after is not None:
        seen_end = after.get("valid_until")
        last_end = _FOREVER if seen_end is None else sa.literal(instant_of(seen_end))
        last = sa.tuple_(last_end, sa.literal(uuid_of(after, "coupon_id")))
        statement = statement.where(sa.tuple_(end, coupons.c.coupon_id) > last)
    rows = list(snapshot.connection.execute(statement).mappings())
    page, more = as_issued(snapshot, rows[:limit]), len(rows) > limit
    opened = Opener(programme)
    return {
        "items": [
            coupon_body(
                {**row, **(opened.secrets(row) if owner else {})},
                code=opened.code(row) if owner else codes.masked(row["code_hint"]),
                programme=programme,
                now=snapshot.now,
            )
            for row in page
        ],
        "next": _position(page[-1]) if more else None,
    }


def coupon_code(
    snapshot: Snapshot, *, programme: Programme, member_id: UUID, coupon_id: UUID
) -> Mapping[str, Any]:
    """Return the code of a member's coupon in full; only the member itself may ask (C8).

    Raises:
        NotFound: the member has no such coupon.
    """
    statement = (
        sa.select(coupons, campaigns.c.code_key)
        .join(campaigns, campaigns.c.campaign_id == coupons.c.campaign_id)
        .where(coupons.c.coupon_id == coupon_id, coupons.c.member_id == member_id)
    )
    row = snapshot.connection.execute(statement).mappings().one_or_none()
    if row is None or not row["code_sealed"]:
        raise NotFound
    return {"code": Opener(programme).code(row)}


def coupon_body(row: Row, *, code: str, programme: Programme, now: datetime) -> dict[str, Any]:
    """Return a coupon's row, with its campaign's columns, in the shape of its schema (C5)."""
    status = domain.status_at(row["status"], row["valid_until"], now)
    left = domain.days_left(row["valid_until"], now, programme.zone)
    usable = status in ("issued", "restored")
    return {
        **{name: row[name] for name in SHOWN},
        "giftable": usable and row["giftable"] and row["gift_of"] is None,
        "gift_message": row.get("gift_message"),
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


def as_issued(snapshot: Snapshot, rows: Sequence[Row]) -> list[Row]:
    """Return coupons' rows with their campaigns' columns as they were when they were issued."""
    replaced = {
        (row["campaign_id"], row["version"])
        for row in rows
        if row["version"] != row["present_version"]
    }
    older = campaign_rows.superseded(snapshot.connection, replaced)
    return [{**row, **older.get((row["campaign_id"], row["version"]), {})} for row in rows]


class Opener:
    """Opens what is sealed of coupons; a campaign's key is unwrapped once."""

    def __init__(self, programme: Programme) -> None:
        """Open with the programme's keys."""
        self._book = programme.codes
        self._keys: dict[UUID, DataKey] = {}

    def code(self, row: Row) -> str:
        """Return the coupon's code in full."""
        return codes.unseal(self._key(row), row["coupon_id"], row["code_sealed"])

    def secrets(self, row: Row) -> dict[str, str | None]:
        """Return what else only the owner sees."""
        sealed = row["gift_message_sealed"]
        if sealed is None:
            return {"gift_message": None}
        return {"gift_message": codes.unseal(self._key(row), row["coupon_id"], sealed)}

    def _key(self, row: Row) -> DataKey:
        campaign_id = row["campaign_id"]
        if campaign_id not in self._keys:
            self._keys[campaign_id] = self._book.key(row["code_key"])
        return self._keys[campaign_id]


def campaign_columns() -> list[sa.ColumnElement[Any]]:
    """Return a campaign's columns to select beside those of its coupons."""
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
