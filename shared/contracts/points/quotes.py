"""What points says of a sale that is only asked about (H1, H3)."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.contracts.base import WireSchema
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
from shared.contracts.points.sales import (
    MAX_LINES,
    ExplanationSchema,
    Lines,
    SoldLineSchema,
    TotalsSchema,
)
from shared.contracts.points.schemas import says
from shared.contracts.points.simulations import SimulatedPointsSchema

MOST_RULES = 10_000


class QuoteSaleSchema(LinesSchema):
    """A basket with what coupons and member price take off it, and points that pay a part."""

    currency = Currency(required=True)
    member_id = Id(required=True, allow_none=True)
    store_id = ExternalKey(required=True, allow_none=True)
    channel = Choice(*CHANNELS, required=True)
    points_to_redeem = Points(load_default=0)
    lines = Lines(
        fields.Nested(SoldLineSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_LINES),
    )


class MemberPriceSchema(WireSchema):
    """What the member's tier takes off articles, before any coupon (T6)."""

    tier = Text(required=True, metadata=says("Code of the tier.", "GOLD"))
    percent = StrictInteger(required=True, metadata=says("Percent off.", 5))
    discount_minor = Minor(required=True, metadata=says("Taken off all lines.", 300))


class JudgedBySchema(WireSchema):
    """By what a sale was judged: enough to judge it the same way again, whatever moves since."""

    at = Instant(required=True)
    tier = Text(required=True, allow_none=True)
    """Null where nobody is named who could earn."""
    multiplier = Text(required=True)
    """Of the tier, as a fraction."""
    rules = fields.List(Text(), required=True, validate=validate.Length(max=MOST_RULES))
    """Keys of the published rules in force, ``<rule_id>@<version>``."""
    has_open_order = StrictBoolean(load_default=False)
    """Whether the member had an order open: then this one is not judged as a first purchase."""


class QuotedLineSchema(WireSchema):
    """What points do to a line."""

    line_id = ExternalKey(required=True)
    points_minor = Minor(required=True)
    points = Points(required=True)


class QuotedSaleSchema(WireSchema):
    """What points would pay and what the rest would earn; nothing is held."""

    totals = fields.Nested(TotalsSchema, required=True)
    lines = fields.List(fields.Nested(QuotedLineSchema), required=True)
    points = fields.Nested(SimulatedPointsSchema, required=True)
    explain = fields.List(fields.Nested(ExplanationSchema), required=True)
    judged_by = fields.Nested(JudgedBySchema, required=True)
