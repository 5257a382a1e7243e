"""Facts about coupons; a code's value is never among them (C8)."""

from __future__ import annotations

from shared.contracts.base import EventSchema
from shared.contracts.event import EventType
from shared.contracts.fields import ExternalKey, Id, Instant, Minor, Text


class CouponIssuedData(EventSchema):
    """A member holds a new coupon."""

    coupon_id = Id(required=True)
    campaign_id = Id(required=True)
    member_id = Id(required=True)
    valid_from = Instant(required=True)
    valid_until = Instant(required=True, allow_none=True)
    cause = Text(required=True)
    """``claim`` or ``issue``."""


class CouponUsedData(EventSchema):
    """A coupon (or one use of a public code) changed hands with an order."""

    coupon_id = Id(required=True, allow_none=True)
    campaign_id = Id(required=True)
    member_id = Id(required=True, allow_none=True)
    order_id = ExternalKey(required=True)
    discount_minor = Minor(required=True)


class CouponExpiredData(EventSchema):
    """A member's coupon lapsed unused."""

    coupon_id = Id(required=True)
    campaign_id = Id(required=True)
    member_id = Id(required=True)
    valid_until = Instant(required=True)


ISSUED = EventType("coupon.issued", 1, "coupons", CouponIssuedData)
RESERVED = EventType("coupon.reserved", 1, "coupons", CouponUsedData)
REDEEMED = EventType("coupon.redeemed", 1, "coupons", CouponUsedData)
RESTORED = EventType("coupon.restored", 1, "coupons", CouponUsedData)
EXPIRED = EventType("coupon.expired", 1, "coupons", CouponExpiredData)
