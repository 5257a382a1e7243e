"""What a shop's orders look like over HTTP (H1, H2)."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from shared.contracts.base import WireSchema
from shared.contracts.fields import (
    Choice,
    Currency,
    ExternalKey,
    Id,
    Instant,
    Points,
    StrictBoolean,
    Text,
)
from shared.contracts.points.checkouts import CHECKOUT_STATUSES, CheckoutHoldSchema
from shared.contracts.points.quotes import MemberPriceSchema
from shared.contracts.points.returns import CANCEL_REASONS
from shared.contracts.points.sales import (
    MAX_LINES,
    Lines,
    SaleCouponsSchema,
    SaleLineSchema,
    TotalsSchema,
)
from shared.contracts.points.schemas import says
from shared.contracts.quotes import MOST_TOKEN, AskQuoteSchema, QuoteLineSchema


class OpenOrderSchema(AskQuoteSchema):
    """An order: by a quote, or with the whole basket, which is quoted on the spot."""

    order_id = ExternalKey(
        required=True, metadata=says("The shop's; also the `sale_id` once it is complete.", "W-17")
    )
    quote_token = Text(
        max_length=MOST_TOKEN,
        metadata=says("The quote's; nothing else is given then.", "q1.Fyt0X4vD"),
    )
    currency = Currency(metadata=says("With a basket: the programme's currency.", "CNY"))
    lines = Lines(
        fields.Nested(SaleLineSchema),
        validate=validate.Length(min=1, max=MAX_LINES),
        metadata=says("The basket, where no quote is given."),
    )

    @validates_schema
    def _quote_or_basket(self, data: dict[str, Any], **_: Any) -> None:
        if "quote_token" in data:
            if data.keys() - {"order_id", "quote_token"}:
                raise ValidationError("A quote says all; give no basket with it.", "quote_token")
            return
        missing = [name for name in ("currency", "lines") if name not in data]
        if missing:
            raise ValidationError("Missing data without a quote_token.", missing[0])


class CancelOrderSchema(WireSchema):
    """An order is given up."""

    reason_code = Choice(*CANCEL_REASONS, required=True)
    merchant_fault = StrictBoolean(
        metadata=says("Coupons and points that would lapse soon last 7 days more.", False)
    )


class OrderPointsSchema(WireSchema):
    """What the order does to the member's points."""

    redeemed = Points(required=True, metadata=says("Pay a part.", 200))
    earned = Points(required=True, metadata=says("Awarded when it is complete.", 50))


class OrderViewSchema(WireSchema):
    """A shop's order: the numbers it was promised, and how it stands."""

    order_id = ExternalKey(required=True, metadata=says("The shop's.", "W-17"))
    status = Choice(*CHECKOUT_STATUSES, required=True)
    quote_id = Id(required=True)
    member_id = Id(required=True, allow_none=True)
    currency = Currency(required=True, metadata=says("Of all amounts.", "CNY"))
    lines = fields.List(fields.Nested(QuoteLineSchema), required=True)
    totals = fields.Nested(TotalsSchema, required=True)
    member_price = fields.Nested(MemberPriceSchema, required=True, allow_none=True)
    coupons = fields.Nested(SaleCouponsSchema, required=True)
    points = fields.Nested(OrderPointsSchema, required=True)
    hold = fields.Nested(
        CheckoutHoldSchema,
        required=True,
        allow_none=True,
        metadata=says("Null where no points pay."),
    )
    opened_at = Instant(required=True)
    expires_at = Instant(required=True, metadata=says("Unless it is complete by then, it ends."))
    closed_at = Instant(required=True, allow_none=True)
    reason_code = Text(
        required=True, allow_none=True, metadata=says("Why it was cancelled.", "payment_failed")
    )
