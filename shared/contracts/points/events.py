"""Facts about points, sales and checkouts. Points is the authority on an order's outcome."""

from __future__ import annotations

from marshmallow import fields

from shared.contracts.base import EventSchema
from shared.contracts.event import EventType
from shared.contracts.fields import (
    Currency,
    ExternalKey,
    Id,
    Instant,
    LocalDate,
    Minor,
    Points,
    StrictBoolean,
    StrictInteger,
    Text,
)


class PointsEarnedData(EventSchema):
    """Points were credited as a lot."""

    member_id = Id(required=True)
    transaction_id = Id(required=True)
    points = Points(required=True)
    """Points awarded, before any debt was repaid from them (L6)."""
    pending = StrictBoolean(required=True)
    expires_at = Instant(required=True, allow_none=True)
    expires_on = LocalDate(required=True, allow_none=True)
    sale_id = ExternalKey(required=True, allow_none=True)


class PointsRedeemedData(EventSchema):
    """A member spent points."""

    member_id = Id(required=True)
    transaction_id = Id(required=True)
    points = Points(required=True)
    sale_id = ExternalKey(required=True, allow_none=True)
    order_id = ExternalKey(load_default=None, dump_default=None, allow_none=True)
    """Of the hold that was captured, if there was one (L5)."""


class PointsExpiredData(EventSchema):
    """A member's lot lapsed with points left in it (L4)."""

    member_id = Id(required=True)
    transaction_id = Id(required=True)
    points = Points(required=True)
    expired_at = Instant(required=True)


class PointsExpiringData(EventSchema):
    """A member's points lapse soon, 30, 7 or 1 local days from now; told once each (L4)."""

    member_id = Id(required=True)
    points = Points(required=True)
    """What lapses at that instant, unless it is spent before."""
    expires_at = Instant(required=True)
    expires_on = LocalDate(required=True)
    """Last local day on which they can be used."""
    days_left = StrictInteger(required=True)


class PointsHeldData(EventSchema):
    """Points were set aside for an order (L5)."""

    member_id = Id(required=True)
    transaction_id = Id(required=True)
    hold_id = Id(required=True)
    order_id = ExternalKey(required=True)
    points = Points(required=True)
    expires_at = Instant(required=True)
    """When the hold ends by itself."""


class PointsReleasedData(EventSchema):
    """A hold ended, and not all of it was spent (L5)."""

    member_id = Id(required=True)
    transaction_id = Id(required=True, allow_none=True)
    """Null where nothing could go home."""
    hold_id = Id(required=True)
    order_id = ExternalKey(required=True)
    points = Points(required=True)
    """What went home to its lots; the rest had lapsed meanwhile."""
    status = Text(required=True)
    """``captured``, ``released`` or ``expired``: how the hold ended."""


class PointsAdjustedData(EventSchema):
    """Staff gave or took points (L9)."""

    member_id = Id(required=True)
    transaction_id = Id(required=True)
    adjustment_id = Id(required=True)
    points = StrictInteger(required=True)
    """Given (+) or taken (-)."""
    reason_code = Text(required=True)
    expires_at = Instant(required=True, allow_none=True)


class PointsTransferredData(EventSchema):
    """A member gave points to another (L10)."""

    transfer_id = Id(required=True)
    from_member_id = Id(required=True)
    to_member_id = Id(required=True)
    points = Points(required=True)
    household_id = Id(required=True, allow_none=True)
    """Set where a household pooled its members' points."""


class SaleRecordedData(EventSchema):
    """A sale is final: coupons reserved for its order are redeemed, the tier may rise."""

    sale_id = ExternalKey(required=True)
    """Also the ``order_id`` that coupons were reserved under."""
    member_id = Id(required=True, allow_none=True)
    occurred_at = Instant(required=True)
    store_id = ExternalKey(required=True, allow_none=True)
    currency = Currency(required=True)
    gross_minor = Minor(required=True)
    discount_minor = Minor(required=True)
    points_minor = Minor(required=True)
    payable_minor = Minor(required=True)
    points_earned = Points(required=True)
    coupon_codes = StrictBoolean(required=True)
    """Whether coupons take part; the codes themselves never leave the coupons service (C8)."""


class SaleReturnedData(EventSchema):
    """Goods of a sale came back; amounts are cumulative over all returns of the sale."""

    sale_id = ExternalKey(required=True)
    return_id = ExternalKey(required=True)
    member_id = Id(required=True, allow_none=True)
    occurred_at = Instant(required=True)
    sale_occurred_at = Instant(required=True)
    payable_minor = Minor(required=True)
    """What the sale cost at first."""
    refunded_total_minor = Minor(required=True)
    """What has been refunded of it so far, this return included."""
    full = StrictBoolean(required=True)
    """Whether nothing of the sale is kept (C3)."""
    reason_code = Text(required=True)


class SaleCancelledData(EventSchema):
    """A completed sale was undone as a whole."""

    sale_id = ExternalKey(required=True)
    member_id = Id(required=True, allow_none=True)
    cancelled_at = Instant(required=True)
    sale_occurred_at = Instant(required=True)
    payable_minor = Minor(required=True)
    reason_code = Text(required=True)
    merchant_fault = StrictBoolean(required=True)


class SaleClaimedData(EventSchema):
    """A sale that was recorded without a member belongs to one now (S6)."""

    sale_id = ExternalKey(required=True)
    member_id = Id(required=True)
    occurred_at = Instant(required=True)
    """When the sale happened: it counts as of then."""
    claimed_at = Instant(required=True)
    store_id = ExternalKey(required=True, allow_none=True)
    currency = Currency(required=True)
    payable_minor = Minor(required=True)
    """What the sale cost at first."""
    refunded_total_minor = Minor(required=True)
    """What had been refunded of it before it was claimed."""
    points_earned = Points(required=True)
    """Points awarded for what was kept."""


class CheckoutClosedData(EventSchema):
    """An opening of an order ended without a sale: whatever was reserved is free (C2, H2)."""

    order_id = ExternalKey(required=True)
    reason = fields.String(required=True)
    """``cancelled`` or ``expired``."""
    attempt = StrictInteger(load_default=1)
    """Which opening of the order ended; a later one may be under way."""
    merchant_fault = StrictBoolean(load_default=False, dump_default=False)
    """Whether it was cancelled by a fault of the merchant's (C4)."""
    reason_code = Text(load_default=None, dump_default=None, allow_none=True)
    """Why it was cancelled, as far as that was said."""


EARNED = EventType("points.earned", 1, "points", PointsEarnedData)
REDEEMED = EventType("points.redeemed", 1, "points", PointsRedeemedData)
EXPIRED = EventType("points.expired", 1, "points", PointsExpiredData)
EXPIRING = EventType("points.expiring", 1, "points", PointsExpiringData)
HELD = EventType("points.held", 1, "points", PointsHeldData)
RELEASED = EventType("points.released", 1, "points", PointsReleasedData)
ADJUSTED = EventType("points.adjusted", 1, "points", PointsAdjustedData)
TRANSFERRED = EventType("points.transferred", 1, "points", PointsTransferredData)
SALE_RECORDED = EventType("sale.recorded", 1, "points", SaleRecordedData)
SALE_RETURNED = EventType("sale.returned", 1, "points", SaleReturnedData)
SALE_CANCELLED = EventType("sale.cancelled", 1, "points", SaleCancelledData)
SALE_CLAIMED = EventType("sale.claimed", 1, "points", SaleClaimedData)
CHECKOUT_CLOSED = EventType("checkout.closed", 1, "points", CheckoutClosedData)
