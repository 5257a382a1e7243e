"""Facts about coupons; a code's value is never among them (C8)."""

from __future__ import annotations

from shared.contracts.base import EventSchema
from shared.contracts.event import EventType
from shared.contracts.fields import (
    Choice,
    ExternalKey,
    Id,
    Instant,
    Minor,
    Points,
    StrictBoolean,
    StrictInteger,
    Text,
)


class CouponIssuedData(EventSchema):
    """A member holds a new coupon."""

    coupon_id = Id(required=True)
    campaign_id = Id(required=True)
    member_id = Id(required=True)
    valid_from = Instant(required=True)
    valid_until = Instant(required=True, allow_none=True)
    cause = Text(required=True)
    """``claim``, ``issue``, ``trigger``, ``gift`` or ``reward``."""


class CouponUsedData(EventSchema):
    """A coupon (or one use of a public code) changed hands with an order."""

    coupon_id = Id(required=True, allow_none=True)
    campaign_id = Id(required=True)
    member_id = Id(required=True, allow_none=True)
    order_id = ExternalKey(required=True)
    discount_minor = Minor(required=True)


class CouponProlongedData(EventSchema):
    """A coupon came back by the merchant's fault, and is good for longer than it was (C4)."""

    coupon_id = Id(required=True)
    campaign_id = Id(required=True)
    member_id = Id(required=True, allow_none=True)
    order_id = ExternalKey(required=True)
    valid_until = Instant(required=True)
    """Until when it is good by now; it may have lapsed before."""
    reason_code = Text(required=True)
    """Of the cancel, such as ``price_change``."""


class CouponExpiredData(EventSchema):
    """A member's coupon lapsed unused."""

    coupon_id = Id(required=True)
    campaign_id = Id(required=True)
    member_id = Id(required=True)
    valid_until = Instant(required=True)


class CouponExpiringData(CouponExpiredData):
    """A member's coupon lapses soon (C5)."""

    days_ahead = StrictInteger(required=True)
    """Which notice this is: 7 or 1."""


class CouponVoidedData(EventSchema):
    """A coupon was withdrawn."""

    coupon_id = Id(required=True)
    campaign_id = Id(required=True)
    member_id = Id(required=True, allow_none=True)
    reason = Text(required=True, max_length=500)


class BudgetAlarmData(EventSchema):
    """A campaign's budget or total is nearly used up (C6)."""

    campaign_id = Id(required=True)
    scope = Choice("budget", "total", required=True)
    percent = StrictInteger(required=True)
    """80 or 95: what has been reached."""
    used = Minor(required=True)
    """Minor units of a budget, coupons or uses of a total."""
    limit = Minor(required=True)


class RewardOrderData(EventSchema):
    """A reward order, and what it costs (R1)."""

    order_id = Id(required=True)
    reward_id = Id(required=True)
    kind = Text(required=True)
    member_id = Id(required=True)
    quantity = StrictInteger(required=True)
    points = Points(required=True)


class RewardCancelledData(RewardOrderData):
    """A reward order was undone: its points go home (S4)."""

    reason_code = Text(required=True)
    merchant_fault = StrictBoolean(required=True)


ISSUED = EventType("coupon.issued", 1, "coupons", CouponIssuedData)
RESERVED = EventType("coupon.reserved", 1, "coupons", CouponUsedData)
REDEEMED = EventType("coupon.redeemed", 1, "coupons", CouponUsedData)
RESTORED = EventType("coupon.restored", 1, "coupons", CouponUsedData)
PROLONGED = EventType("coupon.prolonged", 1, "coupons", CouponProlongedData)
EXPIRED = EventType("coupon.expired", 1, "coupons", CouponExpiredData)
EXPIRING = EventType("coupon.expiring", 1, "coupons", CouponExpiringData)
VOIDED = EventType("coupon.voided", 1, "coupons", CouponVoidedData)
BUDGET_ALARM = EventType("campaign.budget_alarm", 1, "coupons", BudgetAlarmData)
REWARD_ORDERED = EventType("reward.ordered", 1, "coupons", RewardOrderData)
REWARD_FULFILLED = EventType("reward.fulfilled", 1, "coupons", RewardOrderData)
REWARD_CANCELLED = EventType("reward.cancelled", 1, "coupons", RewardCancelledData)
