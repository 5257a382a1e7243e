"""What claims of sales look like on the wire, over HTTP and RPC alike (S6)."""

from __future__ import annotations

from marshmallow import fields

from shared.contracts.base import WireSchema
from shared.contracts.fields import ExternalKey, Id, Points, Text
from shared.contracts.members.schemas import ReferenceSchema
from shared.contracts.points.sales import ExplanationSchema
from shared.contracts.points.schemas import BalancesSchema, says


class ClaimSchema(WireSchema):
    """Somebody shows the receipt of a sale that was recorded without a member."""

    receipt_code = Text(
        required=True,
        max_length=100,
        metadata=says("As on the receipt; blanks and hyphens do not count.", "7KQ2-M9XH-4RTC-WD3B"),
    )
    member = fields.Nested(
        ReferenceSchema,
        allow_none=True,
        load_default=None,
        metadata=says("Who bought, told by a till; a member claims for itself and names nobody."),
    )


class ClaimPointsSchema(WireSchema):
    """What a claim did to the member's points."""

    earned = Points(required=True, metadata=says("Awarded for what was kept.", 55))
    not_earned = Points(
        required=True, metadata=says("Less than at first, for what had come back before.", 0)
    )
    pending = Points(required=True, metadata=says("Part of `earned` not usable yet.", 0))


class ClaimAnswerSchema(WireSchema):
    """What a claim did."""

    sale_id = ExternalKey(required=True)
    member_id = Id(required=True)
    points = fields.Nested(ClaimPointsSchema, required=True)
    balances = fields.Nested(BalancesSchema, required=True)
    explain = fields.List(
        fields.Nested(ExplanationSchema),
        required=True,
        metadata=says("Of the whole sale, as of when it happened."),
    )
    tier = Text(required=True, metadata=says("Tier the award was judged by.", "GOLD"))
