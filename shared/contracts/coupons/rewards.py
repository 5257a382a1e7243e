"""Rewards and their orders on the wire, over HTTP and RPC alike (R1)."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from shared.contracts.base import PageQuery, WireSchema, page_of
from shared.contracts.fields import Choice, Id, Instant, Points, StrictBoolean, Text
from shared.contracts.fields import StrictInteger as Integer
from shared.contracts.method import Method
from shared.errors import IdempotencyKeyReused, Invalid, NotFound
from shared.errors import coupons as errors

SERVICE = "coupons"
REWARD_KINDS = ("item", "coupon", "event", "service")
ORDER_STATUSES = ("ordered", "fulfilled", "cancelled")
STEP_STATUSES = ("reserved", "confirmed", "released", *ORDER_STATUSES)
CANCEL_REASONS = ("customer_request", "out_of_stock", "price_change", "system_fault", "fraud")
HOLD_PREFIX = "reward:"
"""Begins the ``order_id`` under which points holds what a reward order costs."""
MAX_POINTS = 10**9
MAX_STOCK = 10**9
MAX_QUANTITY = 100
MAX_TIERS = 100


def hold_order_id(order_id: object) -> str:
    """Return the name under which points knows a reward order."""
    return f"{HOLD_PREFIX}{order_id}"


def _says(description: str, example: Any = None) -> dict[str, Any]:
    return {"description": description} | ({} if example is None else {"example": example})


class RewardWindowSchema(WireSchema):
    """When a reward can be ordered; a side left out is open."""

    starts_at = Instant(data_key="from", metadata=_says("First instant.", "2026-03-01T00:00:00Z"))
    ends_at = Instant(
        data_key="until", metadata=_says("First instant after.", "2026-04-01T00:00:00Z")
    )


class RewardPatchSchema(WireSchema):
    """What of a reward to change. Orders placed before keep what they were placed for."""

    name = Text(metadata={"example": "Tea pot"})
    description = Text(min_length=0, max_length=4_000)
    points = Integer(
        validate=validate.Range(min=1, max=MAX_POINTS), metadata=_says("Of one piece.", 800)
    )
    stock = Integer(
        validate=validate.Range(min=0, max=MAX_STOCK),
        allow_none=True,
        metadata=_says("What is left to order from now on; null: as many as are wanted.", 50),
    )
    per_member = Integer(
        validate=validate.Range(min=1, max=MAX_STOCK),
        allow_none=True,
        metadata=_says("Pieces a member may order; what is cancelled does not count.", 2),
    )
    window = fields.Nested(RewardWindowSchema, allow_none=True)
    tiers = fields.List(
        Text(),
        validate=validate.Length(min=1, max=MAX_TIERS),
        allow_none=True,
        metadata=_says("Only members of these tiers may order it."),
    )
    campaign_id = Id(allow_none=True, metadata=_says("Of which a reward of kind `coupon` gives."))


class RewardDraftSchema(RewardPatchSchema):
    """Something that members can have for points."""

    name = Text(required=True, metadata={"example": "Tea pot"})
    description = Text(min_length=0, max_length=4_000, load_default="")
    points = Integer(
        required=True,
        validate=validate.Range(min=1, max=MAX_POINTS),
        metadata=_says("Of one piece.", 800),
    )
    kind = Choice(
        *REWARD_KINDS,
        required=True,
        metadata=_says("A `coupon` is issued with the order; the others staff hand over."),
    )
    stock = Integer(
        validate=validate.Range(min=0, max=MAX_STOCK),
        allow_none=True,
        load_default=None,
        metadata=_says("How many there are; null: as many as are wanted.", 50),
    )
    per_member = Integer(
        validate=validate.Range(min=1, max=MAX_STOCK), allow_none=True, load_default=None
    )
    window = fields.Nested(RewardWindowSchema, allow_none=True, load_default=None)
    tiers = fields.List(
        Text(),
        validate=validate.Length(min=1, max=MAX_TIERS),
        allow_none=True,
        load_default=None,
        metadata=_says("Only members of these tiers may order it."),
    )
    campaign_id = Id(allow_none=True, load_default=None)


class RewardSchema(RewardDraftSchema):
    """A reward of the catalogue."""

    reward_id = Id(required=True)
    stock = Integer(
        required=True, allow_none=True, metadata=_says("What is left; null: not counted.", 49)
    )
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class OrderRewardSchema(WireSchema):
    """How many pieces of a reward, and for whom."""

    quantity = Integer(
        load_default=1, validate=validate.Range(min=1, max=MAX_QUANTITY), metadata={"example": 1}
    )
    member_id = Id(metadata=_says("Staff order for this member; a member for itself."))


class CancelRewardOrderSchema(WireSchema):
    """Why a reward order is cancelled."""

    reason_code = Choice(*CANCEL_REASONS, load_default="customer_request")
    merchant_fault = StrictBoolean(
        load_default=False,
        metadata=_says("Staff only: points that lapse soon last 7 days at least."),
    )


class RewardOrderSchema(WireSchema):
    """Pieces of a reward that a member has for its points."""

    order_id = Id(required=True)
    reward_id = Id(required=True)
    name = fields.String(required=True, metadata=_says("The reward's when it was ordered."))
    kind = Choice(*REWARD_KINDS, required=True)
    member_id = Id(required=True)
    quantity = Integer(required=True)
    points = Points(required=True, metadata=_says("Spent on all pieces together.", 1600))
    status = Choice(*ORDER_STATUSES, required=True)
    coupon_ids = fields.List(
        Id(), required=True, metadata=_says("Coupons it gave; they are in the member's wallet.")
    )
    ordered_at = Instant(required=True, allow_none=True)
    fulfilled_at = Instant(required=True, allow_none=True)
    cancelled_at = Instant(required=True, allow_none=True)
    reason_code = fields.String(required=True, allow_none=True, metadata=_says("Of the cancel."))


class RewardRef(WireSchema):
    """Names a reward."""

    reward_id = Id(required=True)


class AmendRewardCommand(RewardPatchSchema):
    """Change a reward."""

    reward_id = Id(required=True)


class RewardsQuery(PageQuery):
    """The catalogue, newest first; members see what can be ordered now."""

    kind = Choice(*REWARD_KINDS, allow_none=True, load_default=None)


class ReserveRewardCommand(WireSchema):
    """Take stock for an order, for a short time."""

    reward_id = Id(required=True)
    member_id = Id(required=True)
    quantity = Integer(required=True, validate=validate.Range(min=1, max=MAX_QUANTITY))
    request_key = Text(required=True)
    """Names the caller's request: sent again it is the same order, unless that was undone."""
    fingerprint = Text(required=True)
    """Of the request's body: under one key it is always the same."""


class RewardReservationSchema(WireSchema):
    """Stock that an order has, and what the order costs."""

    order_id = Id(required=True)
    status = Choice(*STEP_STATUSES, required=True)
    points = Points(required=True)


class RewardOrderRef(WireSchema):
    """Names a reward order."""

    order_id = Id(required=True)


class ConfirmRewardCommand(RewardOrderRef):
    """Keep the stock until points has told what becomes of the hold."""

    hold_id = Id(required=True)


class FreeRewardCommand(RewardOrderRef):
    """Give the stock of an order back that costs nobody anything."""

    hold_id = Id(allow_none=True, load_default=None)
    """The hold that ended uncaptured; without it only what is not confirmed is given back."""


class RewardOrdersQuery(PageQuery):
    """Reward orders, newest first."""

    member_id = Id(allow_none=True, load_default=None)
    reward_id = Id(allow_none=True, load_default=None)
    status = Choice(*ORDER_STATUSES, allow_none=True, load_default=None)


class CancelRewardOrderCommand(CancelRewardOrderSchema):
    """Cancel a reward order."""

    order_id = Id(required=True)


def _method(name: str, request: type[Schema], response: type[Schema], **options: Any) -> Method:
    return Method(SERVICE, name, request, response, **options)


CREATE = _method("create_reward", RewardDraftSchema, RewardSchema, success=201, errors=(Invalid,))
GET = _method("reward", RewardRef, RewardSchema, errors=(NotFound,))
LIST = _method("rewards", RewardsQuery, page_of(RewardSchema))
AMEND = _method("amend_reward", AmendRewardCommand, RewardSchema, errors=(NotFound, Invalid))
RESERVE = _method(
    "reserve_reward",
    ReserveRewardCommand,
    RewardReservationSchema,
    errors=(
        NotFound,
        IdempotencyKeyReused,
        errors.RewardNotAvailable,
        errors.OutOfStock,
        errors.LimitReached,
        errors.BudgetExhausted,
    ),
)
CONFIRM = _method(
    "confirm_reward",
    ConfirmRewardCommand,
    RewardReservationSchema,
    errors=(NotFound, errors.ReservationExpired),
)
FREE = _method("free_reward", FreeRewardCommand, RewardReservationSchema, errors=(NotFound,))
COMPLETE = _method(
    "complete_reward",
    RewardOrderRef,
    RewardOrderSchema,
    success=201,
    errors=(NotFound, errors.RewardOrderStateConflict),
)
ORDER = _method("reward_order", RewardOrderRef, RewardOrderSchema, errors=(NotFound,))
ORDERS = _method("reward_orders", RewardOrdersQuery, page_of(RewardOrderSchema))
FULFIL = _method(
    "fulfil_reward_order",
    RewardOrderRef,
    RewardOrderSchema,
    errors=(NotFound, errors.RewardOrderStateConflict),
)
CANCEL = _method(
    "cancel_reward_order",
    CancelRewardOrderCommand,
    RewardOrderSchema,
    errors=(NotFound, errors.RewardOrderStateConflict, errors.RewardCouponUsed),
)
