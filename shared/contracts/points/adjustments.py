"""What adjustments by staff look like on the wire, over HTTP and RPC alike (L9)."""

from __future__ import annotations

from marshmallow import validate

from shared.contracts.base import PageQuery, WireSchema, page_of
from shared.contracts.fields import (
    MAX_AMOUNT,
    Choice,
    Id,
    Instant,
    StrictBoolean,
    StrictInteger,
    Text,
)
from shared.contracts.method import Method
from shared.contracts.points.rpc import SERVICE
from shared.contracts.points.schemas import says
from shared.errors import Invalid, NotFound
from shared.errors import points as errors

ADJUSTMENT_REASONS = ("goodwill", "correction", "migration", "complaint", "fraud", "promotion")
ADJUSTMENT_STATUSES = ("pending_approval", "approved", "rejected")
_MOST_NOTE = 1_000


class AdjustSchema(WireSchema):
    """Staff give or take points."""

    member_id = Id(required=True)
    points = StrictInteger(
        required=True,
        validate=[
            validate.Range(min=-MAX_AMOUNT, max=MAX_AMOUNT),
            validate.NoneOf([0], error="Not 0."),
        ],
        metadata=says("Given (+) or taken (-).", 250),
    )
    reason_code = Choice(*ADJUSTMENT_REASONS, required=True)
    note = Text(
        required=True, max_length=_MOST_NOTE, metadata=says("Why.", "Delivered two days late.")
    )
    expires_at = Instant(
        load_default=None,
        allow_none=True,
        metadata=says("When points given lapse; as if they were earned now, when left out."),
    )


class AdjustmentSchema(WireSchema):
    """Points that staff gave or took, or asked to."""

    adjustment_id = Id(required=True)
    member_id = Id(required=True)
    points = StrictInteger(required=True, metadata=says("Given (+) or taken (-).", 250))
    reason_code = Choice(*ADJUSTMENT_REASONS, required=True)
    note = Text(required=True, max_length=_MOST_NOTE)
    expires_at = Instant(required=True, allow_none=True)
    status = Choice(*ADJUSTMENT_STATUSES, required=True)
    requested_by = Text(required=True, metadata=says("Who asked.", "staff:0192f3a0-…"))
    requested_at = Instant(required=True)
    decided_by = Text(
        required=True, allow_none=True, metadata=says("Second person; null if none was needed.")
    )
    decided_at = Instant(required=True, allow_none=True)
    transaction_id = Id(
        required=True, allow_none=True, metadata=says("The entry, once it is carried out.")
    )


class AdjustCommandSchema(AdjustSchema):
    """`AdjustSchema` with what the gateway knows of the member."""

    exists = StrictBoolean(load_default=False)
    """True when the caller knows that there is such a member, though points may not yet."""


class AdjustmentIdSchema(WireSchema):
    """One adjustment by id."""

    adjustment_id = Id(required=True)


class AdjustmentsQuerySchema(PageQuery):
    """Adjustments, newest first."""

    member_id = Id(load_default=None, allow_none=True)
    status = Choice(*ADJUSTMENT_STATUSES, load_default=None, allow_none=True)


_CARRIED_OUT = (*errors.NOT_ACTIVE, errors.InsufficientPoints, Invalid)

ADJUST = Method(
    SERVICE,
    "adjust",
    AdjustCommandSchema,
    AdjustmentSchema,
    success=201,
    errors=(errors.AdjustmentAboveRole, errors.UnknownMember, *_CARRIED_OUT),
)
APPROVE = Method(
    SERVICE,
    "approve_adjustment",
    AdjustmentIdSchema,
    AdjustmentSchema,
    errors=(NotFound, errors.OwnAdjustment, errors.AdjustmentDecided, *_CARRIED_OUT),
)
REJECT = Method(
    SERVICE,
    "reject_adjustment",
    AdjustmentIdSchema,
    AdjustmentSchema,
    errors=(NotFound, errors.AdjustmentDecided),
)
GET = Method(SERVICE, "get_adjustment", AdjustmentIdSchema, AdjustmentSchema, errors=(NotFound,))
LIST = Method(SERVICE, "list_adjustments", AdjustmentsQuerySchema, page_of(AdjustmentSchema))
