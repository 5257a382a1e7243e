"""What holds of points look like on the wire, over HTTP and RPC alike (L5)."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.contracts.base import PageQuery, WireSchema, page_of
from shared.contracts.fields import (
    Choice,
    ExternalKey,
    Id,
    Instant,
    Points,
    StrictBoolean,
    StrictInteger,
    Text,
)
from shared.contracts.method import Method
from shared.contracts.points.rpc import SERVICE
from shared.contracts.points.schemas import BalancesSchema, says
from shared.errors import NotFound
from shared.errors import points as errors
from shared.errors.checkout import HoldOfCheckout

HOLD_STATUSES = ("held", "captured", "released", "expired")
MOST_TTL_S = 24 * 60 * 60


class PlaceHoldSchema(WireSchema):
    """Points are to be set aside for an order."""

    member_id = Id(required=True)
    points = Points(required=True, minimum=1, metadata=says("Set aside.", 500))
    order_id = ExternalKey(required=True, metadata=says("The caller's order.", "web-20261122-17"))
    ttl_s = StrictInteger(
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=1, max=MOST_TTL_S),
        metadata=says("Seconds until it ends by itself; 15 minutes at tills, 30 else.", 1800),
    )


class CaptureHoldSchema(WireSchema):
    """What is held is to be spent."""

    points = Points(
        load_default=None,
        allow_none=True,
        minimum=1,
        metadata=says("So many of them; all, when left out. The rest goes home.", 500),
    )


class HoldSchema(WireSchema):
    """Points set aside for an order."""

    hold_id = Id(required=True)
    member_id = Id(required=True)
    order_id = ExternalKey(required=True)
    points = Points(required=True, metadata=says("Set aside.", 500))
    captured = Points(required=True, metadata=says("Spent of them.", 0))
    status = Choice(*HOLD_STATUSES, required=True)
    placed_at = Instant(required=True)
    expires_at = Instant(required=True, metadata=says("It ends by itself then."))
    closed_at = Instant(required=True, allow_none=True, metadata=says("Null while it is held."))


class PlaceHoldCommandSchema(PlaceHoldSchema):
    """`PlaceHoldSchema` with what the gateway knows of the member."""

    exists = StrictBoolean(load_default=False)
    """True when the caller knows that there is such a member, though points may not yet."""


class HoldIdSchema(WireSchema):
    """One hold by id."""

    hold_id = Id(required=True)


class CaptureHoldCommandSchema(CaptureHoldSchema):
    """`CaptureHoldSchema` with which hold it is of."""

    hold_id = Id(required=True)


class RefundRewardSchema(WireSchema):
    """A reward order was cancelled: what was captured for it is to go home (R1)."""

    order_id = Id(required=True)
    reason_code = Text(required=True)
    merchant_fault = StrictBoolean(required=True)


class RewardRefundSchema(WireSchema):
    """What went home, now or before, and what the member owns."""

    order_id = Id(required=True)
    points = Points(required=True)
    balances = fields.Nested(BalancesSchema, required=True)


class HoldsQuerySchema(PageQuery):
    """Holds, newest first."""

    member_id = Id(load_default=None, allow_none=True)
    order_id = ExternalKey(load_default=None, allow_none=True)
    status = Choice(*HOLD_STATUSES, load_default=None, allow_none=True)


_ENDED = (
    errors.HoldAlreadyCaptured,
    errors.HoldAlreadyReleased,
    errors.HoldExpired,
    HoldOfCheckout,
)

PLACE = Method(
    SERVICE,
    "place_hold",
    PlaceHoldCommandSchema,
    HoldSchema,
    success=201,
    errors=(
        errors.UnknownMember,
        *errors.NOT_ACTIVE,
        errors.InsufficientPoints,
        errors.HoldConflict,
    ),
)
CAPTURE = Method(
    SERVICE,
    "capture_hold",
    CaptureHoldCommandSchema,
    HoldSchema,
    errors=(NotFound, *_ENDED, errors.CaptureExceedsHold),
)
RELEASE = Method(SERVICE, "release_hold", HoldIdSchema, HoldSchema, errors=(NotFound, *_ENDED))
GET = Method(SERVICE, "get_hold", HoldIdSchema, HoldSchema, errors=(NotFound,))
LIST = Method(SERVICE, "list_holds", HoldsQuerySchema, page_of(HoldSchema))
REFUND = Method(
    SERVICE, "refund_reward", RefundRewardSchema, RewardRefundSchema, errors=(NotFound,)
)
