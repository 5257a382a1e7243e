"""What returns and cancels of sales look like on the wire, over HTTP and RPC alike."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.contracts.base import WireSchema
from shared.contracts.fields import (
    Choice,
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
from shared.contracts.points.sales import (
    MAX_LINES,
    MAX_QUANTITY,
    SALE_STATUSES,
)
from shared.contracts.points.schemas import BalancesSchema, says

RETURN_REASONS = ("customer_return", "defect", "wrong_item", "merchant_fault")
CANCEL_REASONS = (
    "customer_request",
    "payment_failed",
    "out_of_stock",
    "price_change",
    "system_fault",
    "fraud",
)


class ReturnLineSchema(WireSchema):
    """What comes back of one line; cumulative over returns it never exceeds the line."""

    line_id = ExternalKey(required=True, metadata=says("Line of the sale.", "1"))
    quantity = StrictInteger(
        required=True,
        validate=validate.Range(min=0, max=MAX_QUANTITY),
        metadata=says("Pieces; 0 for a refund without goods.", 1),
    )
    net_minor = Minor(
        required=True,
        metadata=says("Refunded value after coupons, the part paid in points included.", 3000),
    )


class ReturnSchema(LinesSchema):
    """Goods of a sale come back."""

    return_id = ExternalKey(required=True, metadata=says("The caller's id.", "R-0007"))
    occurred_at = Instant(required=True, metadata=says("When it happened."))
    lines = fields.List(
        fields.Nested(ReturnLineSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_LINES),
    )
    reason_code = Choice(*RETURN_REASONS, required=True)


class CancelSchema(WireSchema):
    """A sale is undone as a whole."""

    reason_code = Choice(*CANCEL_REASONS, required=True)
    merchant_fault = StrictBoolean(
        load_default=False,
        metadata=says("Points that come back stay usable for 7 days at least.", False),
    )


class ReturnPointsSchema(WireSchema):
    """What the return did to the member's points (S1, S3, S4)."""

    clawed_back = Points(required=True, metadata=says("Taken back from the member's lots.", 10))
    restored = Points(required=True, metadata=says("Spent points that went home.", 0))
    debt = Points(required=True, metadata=says("Newly owed.", 0))
    uncollected = Points(required=True, metadata=says("Given up.", 0))


class RefundSchema(WireSchema):
    """What the customer gets back."""

    money_minor = Minor(required=True, metadata=says("To pay out in money.", 3000))
    points = Points(required=True, metadata=says("Given back as points.", 0))


class ReturnAnswerSchema(WireSchema):
    """What a return or cancel did."""

    sale_id = ExternalKey(required=True)
    return_id = ExternalKey(required=True, allow_none=True, metadata=says("Null for a cancel."))
    member_id = Id(required=True, allow_none=True)
    status = Choice(*SALE_STATUSES, required=True, metadata=says("Of the sale, from now on."))
    points = fields.Nested(ReturnPointsSchema, required=True)
    refund = fields.Nested(RefundSchema, required=True)
    coupons_restored = fields.List(
        Text(max_length=100),
        required=True,
        metadata=says("Masked codes of coupons that can be used again."),
    )
    balances = fields.Nested(BalancesSchema, required=True, allow_none=True)
