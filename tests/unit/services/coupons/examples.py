"""Campaigns and baskets for tests of the rules."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from services.coupons.domain import (
    Basket,
    Campaign,
    Candidate,
    HeldCoupon,
    Line,
    Shopper,
    Terms,
    Validity,
)
from shared.ids import new_id

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
MEMBER = UUID("01900000-0000-7000-8000-000000000001")
OTHER = UUID("01900000-0000-7000-8000-000000000002")
FOREVER = Validity(never_expires=True)


def terms(kind: str = "amount_off", value: int | None = 500, **more: Any) -> Terms:
    return Terms(**{"kind": kind, "value": value, "validity": FOREVER, **more})


def campaign(status: str = "published", **more: Any) -> Campaign:
    return Campaign(new_id(), "A campaign", status, terms(**more))


def public(code: str = "SPRING", *, status: str = "published", **more: Any) -> Candidate:
    return Candidate(code, campaign(status, code_type="public", code_value=code, **more))


def own(
    code: str = "OWN",
    *,
    member_id: UUID | None = MEMBER,
    status: str = "issued",
    valid_until: datetime | None = None,
    **more: Any,
) -> Candidate:
    held = HeldCoupon(new_id(), member_id, status, valid_until)
    return Candidate(code, campaign(**more), held)


def line(line_id: str = "1", net_minor: int = 1_000, **more: Any) -> Line:
    defaults: dict[str, Any] = {
        "sku": f"sku-{line_id}",
        "category": "tea",
        "brand": "Longjing",
        "kind": "product",
        "quantity": 1,
    }
    return Line(line_id=line_id, net_minor=net_minor, **{**defaults, **more})


def basket(*lines: Line, member_id: UUID | None = MEMBER, **more: Any) -> Basket:
    tier = more.pop("tier", None)
    status = more.pop("member_status", "active")
    shopper = Shopper(member_id, status, tier) if member_id else None
    defaults: dict[str, Any] = {"at": NOW, "day": date(2026, 3, 10), "channel": "store"}
    return Basket(lines=lines or (line(),), shopper=shopper, **{**defaults, **more})
