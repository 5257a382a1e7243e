"""Checkouts on the wire between gateway and points: what was promised, and what became of it."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from shared.contracts.base import WireSchema
from shared.contracts.coupons.orders import LineDiscountSchema
from shared.contracts.fields import (
    Choice,
    Currency,
    ExternalKey,
    Id,
    Instant,
    Minor,
    Points,
    StrictBoolean,
    StrictInteger,
    Text,
)
from shared.contracts.lines import LinesSchema
from shared.contracts.members.events import CHANNELS
from shared.contracts.points.quotes import JudgedBySchema, MemberPriceSchema
from shared.contracts.points.returns import CANCEL_REASONS
from shared.contracts.points.sales import (
    MAX_LINES,
    Lines,
    SaleCouponSchema,
    SoldLineSchema,
    TotalsSchema,
    UnusedCouponSchema,
)
from shared.contracts.points.schemas import says

CHECKOUT_STATUSES = ("open", "completed", "cancelled", "expired")
HOLD_STATUSES = ("held", "captured", "released", "expired")


class PromisedCouponSchema(SaleCouponSchema):
    """A coupon that counts, by what it is rather than by its code (C8)."""

    version = StrictInteger(required=True)
    line_discounts = fields.List(fields.Nested(LineDiscountSchema), required=True)


class PromisedCouponsSchema(WireSchema):
    """What was said of each code, codes masked."""

    applied = fields.List(fields.Nested(PromisedCouponSchema), required=True)
    skipped = fields.List(fields.Nested(UnusedCouponSchema), required=True)
    rejected = fields.List(fields.Nested(UnusedCouponSchema), required=True)


class PromiseSchema(LinesSchema):
    """The numbers of a quote, which hold whatever moves meanwhile (H1)."""

    quote_id = Id(required=True)
    valid_until = Instant(required=True)
    """The order has to be open by then."""
    currency = Currency(required=True)
    store_id = ExternalKey(required=True, allow_none=True)
    channel = Choice(*CHANNELS, required=True)
    lines = Lines(
        fields.Nested(SoldLineSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_LINES),
    )
    tender = fields.List(Minor(), required=True)
    """What points pay of each line."""
    totals = fields.Nested(TotalsSchema, required=True)
    member_price = fields.Nested(MemberPriceSchema, required=True, allow_none=True)
    coupons = fields.Nested(PromisedCouponsSchema, required=True)
    points_to_redeem = Points(required=True)
    earned = Points(required=True)
    judged_by = fields.Nested(JudgedBySchema, required=True)

    @validates_schema
    def _lines_match(self, data: dict[str, Any], **_: Any) -> None:
        if len(data["tender"]) != len(data["lines"]):
            raise ValidationError("One for each line.", "tender")


class OpenCheckoutSchema(WireSchema):
    """An order is about to become a sale; from now on points decides what becomes of it (H2)."""

    order_id = ExternalKey(required=True)
    member_id = Id(required=True, allow_none=True)
    digest = Text(required=True)
    """Digest of the basket. Another basket under the same order closes the opening before it."""
    promise = fields.Nested(PromiseSchema, allow_none=True, load_default=None)
    """What the order is to keep to; null for a till's sale, which is judged when it is recorded."""


class CheckoutHoldSchema(WireSchema):
    """The points that an order has set aside."""

    hold_id = Id(required=True)
    points = Points(required=True, metadata=says("Set aside.", 200))
    status = Choice(*HOLD_STATUSES, required=True)
    expires_at = Instant(required=True)


class CheckoutSchema(WireSchema):
    """An order's checkout; a till's shows its first five fields only."""

    order_id = ExternalKey(required=True)
    status = Choice(*CHECKOUT_STATUSES, required=True)
    attempt = StrictInteger(required=True)
    """Counts the openings of this order: what belongs to an earlier one is void."""
    opened_at = Instant(required=True)
    """Rises with each attempt, and lies after the close of the one before."""
    expires_at = Instant(required=True)
    member_id = Id(allow_none=True)
    is_ready = StrictBoolean()
    """Whether all it needs is reserved everywhere."""
    closed_at = Instant(allow_none=True)
    reason_code = Text(allow_none=True)
    promise = fields.Dict(keys=fields.String(), allow_none=True)
    """`PromiseSchema` as it is kept, in wire form: dumping one of 200 lines takes time."""
    hold = fields.Nested(CheckoutHoldSchema, allow_none=True)


class CheckoutIdSchema(WireSchema):
    """One order by id."""

    order_id = ExternalKey(required=True)


class CheckoutAttemptSchema(CheckoutIdSchema):
    """One opening of an order."""

    attempt = StrictInteger(required=True)


class CloseCheckoutSchema(CheckoutIdSchema):
    """Give an order up: one opening of it, or, with a reason, whichever is open."""

    attempt = StrictInteger(allow_none=True, load_default=None)
    reason_code = Choice(*CANCEL_REASONS, allow_none=True, load_default=None)
    """Null where the gateway undoes what it could not finish; then the order may open again."""
    merchant_fault = StrictBoolean(load_default=False)

    @validates_schema
    def _says_which(self, data: dict[str, Any], **_: Any) -> None:
        if (data["attempt"] is None) == (data["reason_code"] is None):
            raise ValidationError("Either an attempt or a reason_code.", "attempt")


class CompleteCheckoutSchema(WireSchema):
    """An order is paid."""

    paid_at = Instant(required=True, metadata=says("When; the sale is dated to it."))


class CompleteCheckoutCommand(CompleteCheckoutSchema, CheckoutIdSchema):
    """`CompleteCheckoutSchema` with which order it is."""
