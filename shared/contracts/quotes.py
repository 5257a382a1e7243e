"""What a quote looks like over HTTP: a basket in, a promise out (H1)."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.contracts.base import WireSchema
from shared.contracts.coupons.orders import (
    MAX_CODES,
    MODES,
    AppliedCouponSchema,
    UnusedCodeSchema,
)
from shared.contracts.fields import (
    Choice,
    Currency,
    ExternalKey,
    Id,
    Instant,
    LocalDate,
    Minor,
    Points,
    Text,
)
from shared.contracts.lines import LinesSchema
from shared.contracts.members.events import CHANNELS
from shared.contracts.members.schemas import ReferenceSchema
from shared.contracts.points.quotes import MemberPriceSchema
from shared.contracts.points.sales import (
    MAX_LINES,
    ExplanationSchema,
    Lines,
    SaleLineSchema,
    TotalsSchema,
)
from shared.contracts.points.schemas import says

MOST_TOKEN = 1_500_000
"""Characters of a quote's token: a thousand lines of the longest texts there can be."""


class AskQuoteSchema(LinesSchema):
    """A basket, the codes and the points that shall pay a part of it."""

    member = fields.Nested(
        ReferenceSchema,
        allow_none=True,
        metadata=says("Who buys; a member that asks is the buyer itself."),
    )
    currency = Currency(required=True, metadata=says("The programme's currency.", "CNY"))
    channel = Choice(
        *CHANNELS, metadata=says("A till's is `store`; a shop's `web` unless given.", "web")
    )
    store_id = ExternalKey(allow_none=True)
    lines = Lines(
        fields.Nested(SaleLineSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_LINES),
    )
    codes = fields.List(
        Text(max_length=100),
        validate=validate.Length(max=MAX_CODES),
        metadata=says("Coupon codes; each comes back in one of the three lists.", []),
    )
    mode = Choice(
        *MODES,
        metadata=says("In which order coupons are applied; the best is searched for."),
    )
    points_to_redeem = Points(metadata=says("Points that pay a part: 100 at least, half at most."))


class QuoteLineSchema(WireSchema):
    """A line: gross less discount less points is net."""

    line_id = ExternalKey(required=True, metadata=says("As given.", "1"))
    gross_minor = Minor(required=True, metadata=says("The line's `net_minor` as given.", 6000))
    discount_minor = Minor(
        required=True, metadata=says("Taken off by member price and coupons.", 800)
    )
    points_minor = Minor(required=True, metadata=says("Paid with points.", 200))
    net_minor = Minor(required=True, metadata=says("Left to pay with money.", 5000))


class QuotedCouponsSchema(WireSchema):
    """What each code is worth: every code given is in exactly one of the three lists."""

    applied = fields.List(fields.Nested(AppliedCouponSchema), required=True)
    skipped = fields.List(fields.Nested(UnusedCodeSchema), required=True)
    rejected = fields.List(fields.Nested(UnusedCodeSchema), required=True)


class QuotePointsSchema(WireSchema):
    """What the order does to the member's points."""

    redeemed = Points(required=True, metadata=says("Pay a part.", 200))
    earned = Points(required=True, metadata=says("Awarded when the order is complete.", 50))
    pending = Points(required=True, metadata=says("Part of `earned` that is usable later.", 0))
    available_on = LocalDate(
        required=True,
        allow_none=True,
        metadata=says("Local date from which all were usable, if the order were complete now."),
    )


class QuoteSchema(WireSchema):
    """A promise: an order opened in time gets exactly these numbers (H1)."""

    quote_id = Id(required=True)
    member_id = Id(required=True, allow_none=True)
    currency = Currency(required=True, metadata=says("Of all amounts.", "CNY"))
    lines = fields.List(fields.Nested(QuoteLineSchema), required=True)
    totals = fields.Nested(TotalsSchema, required=True)
    member_price = fields.Nested(
        MemberPriceSchema, required=True, allow_none=True, metadata=says("Null without one.")
    )
    coupons = fields.Nested(QuotedCouponsSchema, required=True)
    points = fields.Nested(QuotePointsSchema, required=True)
    explain = fields.List(fields.Nested(ExplanationSchema), required=True)
    valid_until = Instant(required=True, metadata=says("The promise is kept until then."))
    quote_token = Text(
        required=True,
        max_length=MOST_TOKEN,
        metadata=says("The promise, sealed; opens an order for the caller it was given to."),
    )
