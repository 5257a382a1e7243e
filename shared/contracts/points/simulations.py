"""Trying earning rules, on the wire, over HTTP and RPC alike (E4)."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from shared.contracts.base import WireSchema
from shared.contracts.fields import (
    Choice,
    Currency,
    ExternalKey,
    Id,
    Instant,
    LocalDate,
    Points,
    StrictInteger,
    Text,
)
from shared.contracts.lines import LinesSchema
from shared.contracts.members.events import CHANNELS, MEMBER_STATUSES
from shared.contracts.members.schemas import ReferenceSchema
from shared.contracts.points.earning_rules import UNKNOWN, RuleDraftSchema
from shared.contracts.points.sales import (
    MAX_LINES,
    ExplanationSchema,
    Lines,
    SaleLineSchema,
    TotalsSchema,
)
from shared.contracts.points.schemas import says

MAX_SIMULATED_RULES = 100


class SimulatedSaleSchema(LinesSchema):
    """A sale that need not exist; coupons are given as what they leave of the prices."""

    sale_id = ExternalKey(load_default=None, allow_none=True, metadata=says("Means nothing here."))
    occurred_at = Instant(load_default=None, allow_none=True, metadata=says("Taken as `at`."))
    currency = Currency(required=True, metadata=says("The programme's currency.", "CNY"))
    member = fields.Nested(
        ReferenceSchema,
        allow_none=True,
        load_default=None,
        metadata=says("Whose tier, birthday and caps count; somebody new where left out."),
    )
    store_id = ExternalKey(allow_none=True, load_default=None)
    channel = Choice(*CHANNELS, allow_none=True, load_default=None)
    points_to_redeem = Points(load_default=0, metadata=says("Points that pay a part.", 0))
    terminal_counter = StrictInteger(
        allow_none=True,
        load_default=None,
        validate=validate.Range(min=0, max=2**53),
        metadata=says("Means nothing here."),
    )
    lines = Lines(
        fields.Nested(SaleLineSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_LINES),
    )


def _drafts() -> Any:
    return fields.List(
        fields.Nested(RuleDraftSchema),
        allow_none=True,
        load_default=None,
        validate=validate.Length(max=MAX_SIMULATED_RULES),
        metadata=says("Drafts to judge by, and by nothing else; the published rules if left out."),
    )


class SimulateSchema(WireSchema):
    """A sale, a time, and drafts to try (E4)."""

    sale = fields.Nested(SimulatedSaleSchema, required=True)
    at = Instant(allow_none=True, load_default=None, metadata=says("Any time; now if left out."))
    rules = _drafts()


class SimulatePeriodSchema(WireSchema):
    """A past period, and drafts to judge its sales by (E4)."""

    starts_at = Instant(required=True, data_key="from", metadata=says("First instant."))
    ends_at = Instant(
        required=True,
        data_key="until",
        metadata=says("First instant after; a year at most, and not ahead."),
    )
    rules = _drafts()


class SimulatedSaleCommand(LinesSchema):
    """`SimulatedSaleSchema` with its member resolved by the gateway."""

    currency = Currency(required=True)
    member_id = Id(required=True, allow_none=True)
    member_status = Choice(*MEMBER_STATUSES, UNKNOWN, allow_none=True, load_default=None)
    store_id = ExternalKey(allow_none=True, load_default=None)
    channel = Choice(*CHANNELS, allow_none=True, load_default=None)
    points_to_redeem = Points(load_default=0)
    lines = Lines(
        fields.Nested(SaleLineSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_LINES),
    )


class SimulateCommand(WireSchema):
    """`SimulateSchema` as points takes it."""

    sale = fields.Nested(SimulatedSaleCommand, required=True)
    at = Instant(allow_none=True, load_default=None)
    rules = _drafts()


class SimulatedPointsSchema(WireSchema):
    """What a sale would give."""

    earned = Points(required=True, metadata=says("Whole points.", 125))
    pending = Points(required=True, metadata=says("Of these, usable later.", 0))
    available_on = LocalDate(
        required=True, allow_none=True, metadata=says("Local date from which all are usable.")
    )


class SimulatedLineSchema(WireSchema):
    """A line and what it would earn."""

    line_id = ExternalKey(required=True)
    points = Points(required=True)


class SimulationSchema(WireSchema):
    """What a sale would earn; nothing was written (E4)."""

    at = Instant(required=True)
    member_id = Id(required=True, allow_none=True)
    tier = Text(required=True)
    totals = fields.Nested(TotalsSchema, required=True)
    points = fields.Nested(SimulatedPointsSchema, required=True)
    lines = fields.List(fields.Nested(SimulatedLineSchema), required=True)
    explain = fields.List(fields.Nested(ExplanationSchema), required=True)
