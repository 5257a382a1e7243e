"""What members do beside buying, on the wire, over HTTP and RPC alike (E2)."""

from __future__ import annotations

from marshmallow import fields

from shared.contracts.base import WireSchema
from shared.contracts.fields import Choice, ExternalKey, Id, Instant, StrictBoolean, StrictInteger
from shared.contracts.members.codes import REFUSALS as CODE_REFUSALS
from shared.contracts.members.events import MEMBER_STATUSES
from shared.contracts.members.schemas import ReferenceSchema
from shared.contracts.points.earning_rules import ACTIVITIES, UNKNOWN
from shared.contracts.points.sales import ExplanationSchema
from shared.contracts.points.schemas import BalancesSchema, says
from shared.contracts.points.simulations import SimulatedPointsSchema


class _ActivityFactsSchema(WireSchema):
    """What was done, and when."""

    activity_id = ExternalKey(required=True, metadata=says("The caller's id.", "app-2026-0042"))
    activity = Choice(*ACTIVITIES, required=True, metadata=says("What was done.", "check_in"))
    occurred_at = Instant(required=True, metadata=says("When it happened."))


class ActivitySchema(_ActivityFactsSchema):
    """An activity as a shop, a till or the member itself reports it."""

    member = fields.Nested(
        ReferenceSchema,
        allow_none=True,
        load_default=None,
        metadata=says("Who did it; members may leave it out, since it is themselves."),
    )


class RecordActivitySchema(_ActivityFactsSchema):
    """An activity with its member resolved by the gateway."""

    member_id = Id(required=True, allow_none=True)
    member_status = Choice(
        *MEMBER_STATUSES, UNKNOWN, *CODE_REFUSALS, allow_none=True, load_default=None
    )
    """As in a sale's command."""
    store_id = ExternalKey(allow_none=True, load_default=None)


class ActivityPointsSchema(SimulatedPointsSchema):
    """What an activity earned."""


class ActivityAnswerSchema(WireSchema):
    """What an activity did."""

    activity_id = ExternalKey(required=True)
    activity = Choice(*ACTIVITIES, required=True)
    member_id = Id(required=True)
    counted = StrictBoolean(
        required=True,
        metadata=says("False for a second check-in of a day, or a second complete profile.", True),
    )
    streak = StrictInteger(
        required=True, allow_none=True, metadata=says("Days in a row with this check-in.", 7)
    )
    points = fields.Nested(ActivityPointsSchema, required=True)
    balances = fields.Nested(BalancesSchema, required=True)
    explain = fields.List(fields.Nested(ExplanationSchema), required=True)
