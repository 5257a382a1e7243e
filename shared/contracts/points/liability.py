"""What the programme owes in points (L11): over HTTP and RPC alike."""

from __future__ import annotations

from marshmallow import fields

from shared.contracts.base import WireSchema
from shared.contracts.fields import Currency, Instant, Minor, Points, StrictInteger, Text
from shared.contracts.method import Method
from shared.contracts.points.schemas import says
from shared.errors.points import AsOfInFuture


class LiabilityQuery(WireSchema):
    """As of when."""

    as_of = Instant(
        load_default=None,
        allow_none=True,
        metadata=says("As posted by then; now unless given.", "2026-12-31T16:00:00Z"),
    )


class LiabilityMonthSchema(WireSchema):
    """Points that lapse in one month."""

    month = Text(
        required=True,
        allow_none=True,
        metadata=says(
            "Local month of the last day they can be used. Null for points that never lapse, and"
            " for those held for open orders.",
            "2027-03",
        ),
    )
    points = Points(required=True)
    cost_minor = Minor(required=True)
    forecast_breakage = Points(required=True, metadata=says("Of these points, will lapse.", 120))


class BreakageAgeSchema(WireSchema):
    """Past lots at the beginning of a month of their lives."""

    age_months = StrictInteger(required=True)
    outstanding = Points(required=True, metadata=says("Was left in them.", 9000))
    lapsed = Points(required=True, metadata=says("Of it, lapsed in the end.", 2700))
    share = Text(required=True, metadata=says("Lapsed / outstanding, cut off.", "0.3000"))


class LiabilityBasisSchema(WireSchema):
    """What a report was computed from."""

    cost_per_point_minor = Minor(required=True)
    currency = Currency(required=True)
    held = Points(required=True, metadata=says("Part of `outstanding`: held for open orders."))
    debt = Points(required=True, metadata=says("Owed by members; not taken off."))
    past_years = StrictInteger(required=True, metadata=says("Lots that lapsed in these count.", 3))
    past_lots = StrictInteger(required=True)
    past_points = Points(required=True, metadata=says("Were in them at first.", 10000))
    by_age = fields.List(fields.Nested(BreakageAgeSchema), required=True)


class LiabilitySchema(WireSchema):
    """Points outstanding, what they cost, and how many will never be spent."""

    as_of = Instant(required=True)
    outstanding = Points(required=True)
    cost_minor = Minor(required=True)
    forecast_breakage = Points(required=True)
    by_month = fields.List(fields.Nested(LiabilityMonthSchema), required=True)
    basis = fields.Nested(LiabilityBasisSchema, required=True)


LIABILITY = Method(
    "points", "liability", LiabilityQuery, LiabilitySchema, timeout_s=60, errors=(AsOfInFuture,)
)
