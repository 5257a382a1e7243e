"""Wire schemas of reservations: a basket and codes in, what each code is worth out (C7)."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.contracts.base import WireSchema
from shared.contracts.coupons.schemas import KINDS
from shared.contracts.fields import Choice, Currency, ExternalKey, Id, Instant, Minor, Text
from shared.contracts.fields import StrictInteger as Integer
from shared.contracts.lines import LinesSchema
from shared.contracts.members.events import CHANNELS
from shared.contracts.members.schemas import ReferenceSchema

LINE_KINDS = ("product", "shipping", "gift_card", "fee")
MODES = ("requested_order", "priority", "best_for_member")
MAX_LINES = 1_000
MAX_CODES = 30
MAX_QUANTITY = 10**6

ORDER_STATUSES = ("reserved", "confirmed", "redeemed", "released", "expired", "restored")


class BasketLineSchema(WireSchema):
    """A line of a basket; ``net_minor`` is the price of all its pieces before coupons."""

    line_id = ExternalKey(required=True)
    sku = Text(required=True)
    category = Text(allow_none=True, load_default=None)
    brand = Text(allow_none=True, load_default=None)
    kind = Choice(*LINE_KINDS, load_default="product")
    quantity = Integer(required=True, validate=validate.Range(min=1, max=MAX_QUANTITY))
    net_minor = Minor(required=True)


class BasketSchema(LinesSchema):
    """A basket and the codes given with it."""

    store_id = ExternalKey(allow_none=True, load_default=None)
    currency = Currency(required=True)
    mode = Choice(
        *MODES,
        load_default="requested_order",
        metadata={"description": "In which order coupons are applied; the best is searched for."},
    )
    lines = fields.List(
        fields.Nested(BasketLineSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_LINES),
    )
    codes = fields.List(
        Text(max_length=100), required=True, validate=validate.Length(max=MAX_CODES)
    )


class QuoteCouponsSchema(BasketSchema):
    """What would these codes take off this basket now?"""

    member = fields.Nested(
        ReferenceSchema,
        metadata={"description": "Who buys; a member that asks is the buyer itself."},
    )
    channel = Choice(
        *CHANNELS, metadata={"description": "A till's is `store`; a shop's `web` unless given."}
    )


class QuoteQuery(BasketSchema):
    """Judge codes for a basket; nothing is held."""

    member_id = Id(required=True, allow_none=True)
    channel = Choice(*CHANNELS, required=True)


class ReserveSchema(BasketSchema):
    """Hold the coupons of an order until ``expires_at`` or until it is confirmed."""

    order_id = ExternalKey(required=True)
    member_id = Id(required=True, allow_none=True)
    store_id = ExternalKey(required=True, allow_none=True)
    channel = Choice(*CHANNELS, required=True)
    occurred_at = Instant(required=True)
    """Coupons are judged as of then (S5), as far as it is not in the future."""
    opened_at = Instant(allow_none=True, load_default=None)
    """When points opened the checkout. A later opening of an order may reserve anew, also with
    another basket; what belongs to an earlier one is void. Without it an order has one opening."""
    expires_at = Instant(required=True)


class LineDiscountSchema(WireSchema):
    """What a coupon takes off a line."""

    line_id = ExternalKey(required=True)
    discount_minor = Minor(required=True)


class PromisedUseSchema(WireSchema):
    """A coupon that a quote promised, by what it is rather than by its code (C8)."""

    coupon_id = Id(required=True, allow_none=True)
    """Null for a public code: the campaign says which."""
    campaign_id = Id(required=True)
    version = Integer(required=True)
    """Of the terms it was judged by, which are good for this use whatever came since."""
    discount_minor = Minor(required=True)
    line_discounts = fields.List(fields.Nested(LineDiscountSchema), required=True)


class ReservePromisedSchema(WireSchema):
    """Hold what a quote promised an order, at the amounts it promised (H1)."""

    order_id = ExternalKey(required=True)
    member_id = Id(required=True, allow_none=True)
    store_id = ExternalKey(required=True, allow_none=True)
    channel = Choice(*CHANNELS, required=True)
    promised_at = Instant(required=True)
    """When the coupons were judged: they are good if they were then."""
    opened_at = Instant(required=True)
    expires_at = Instant(required=True)
    uses = fields.List(
        fields.Nested(PromisedUseSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_CODES),
    )


class AppliedCouponSchema(WireSchema):
    """A code that counts; its line discounts add up to ``discount_minor``."""

    code = fields.String(required=True, metadata={"description": "As it was given."})
    coupon_id = Id(
        required=True, allow_none=True, metadata={"description": "Null for a public code."}
    )
    campaign_id = Id(required=True)
    version = Integer(
        required=True, metadata={"description": "Version of the campaign's terms it is judged by."}
    )
    name = fields.String(required=True)
    kind = Choice(*KINDS, required=True)
    gift_sku = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Article to add at 0; of a gift only."},
    )
    discount_minor = Minor(required=True)
    line_discounts = fields.List(fields.Nested(LineDiscountSchema), required=True)


class UnusedCodeSchema(WireSchema):
    """A code that does not count, and why."""

    code = fields.String(required=True, metadata={"description": "As it was given."})
    reason = fields.String(required=True, metadata={"example": "below_minimum"})
    message = fields.String(required=True)


class CouponQuoteSchema(WireSchema):
    """What each code is worth: every code given is in exactly one of the three lists."""

    applied = fields.List(fields.Nested(AppliedCouponSchema), required=True)
    skipped = fields.List(
        fields.Nested(UnusedCodeSchema),
        required=True,
        metadata={"description": "Good by themselves, but not together with those applied."},
    )
    rejected = fields.List(
        fields.Nested(UnusedCodeSchema),
        required=True,
        metadata={"description": "Not good for this basket and member now."},
    )
    discount_minor = Minor(required=True)


class ReservationSchema(CouponQuoteSchema):
    """What an order holds."""

    order_id = ExternalKey(required=True)


class OrderSchema(WireSchema):
    """Names an order."""

    order_id = ExternalKey(required=True)


class ReleaseSchema(OrderSchema):
    """Give an order's reservation up."""

    opened_at = Instant(allow_none=True, load_default=None)
    """Of the checkout given up: a reservation for a later one of the same order stays."""


class OrderStateSchema(WireSchema):
    """How far an order's coupons are."""

    order_id = ExternalKey(required=True)
    status = Choice(*ORDER_STATUSES, required=True)
