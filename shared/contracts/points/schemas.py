"""What a member's points look like on the wire, over HTTP and RPC alike."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from shared.contracts.base import WireSchema
from shared.contracts.fields import (
    Choice,
    Id,
    Instant,
    LocalDate,
    Points,
    StrictBoolean,
    StrictInteger,
    Text,
)

TRANSACTION_TYPES = (
    "earn",
    "activate",
    "redeem",
    "hold",
    "release",
    "restore",
    "clawback",
    "expire",
    "adjust",
    "transfer_in",
    "transfer_out",
    "debt_repay",
    "forfeit",
)


def says(description: str, example: Any = None) -> dict[str, Any]:
    """Return a field's metadata for the API's documentation."""
    return {"description": description} | ({} if example is None else {"example": example})


class BalancesSchema(WireSchema):
    """What a member owns and owes."""

    available = Points(required=True, metadata=says("Can be spent now.", 1280))
    pending = Points(required=True, metadata=says("Earned, usable later.", 0))
    held = Points(required=True, metadata=says("Set aside for open orders.", 0))
    debt = Points(required=True, metadata=says("Owed; repaid by the next points earned.", 0))


class LifetimeSchema(WireSchema):
    """What happened to a member's points so far.

    Earned - redeemed - expired - clawed back + adjusted is what the member owns less what it owes.
    """

    earned = Points(required=True, metadata=says("Without adjustments.", 5000))
    redeemed = Points(required=True, metadata=says("Less what came back.", 1200))
    expired = Points(required=True, metadata=says("Lapsed unused.", 100))
    clawed_back = Points(required=True, metadata=says("Taken or owed for returns.", 20))
    adjusted = Points(
        required=True, minimum=-(10**12), metadata=says("Net of corrections and transfers.", 0)
    )


class ExpiringSchema(WireSchema):
    """Points that lapse at one instant (L4)."""

    points = Points(required=True, metadata=says("Lapse then.", 300))
    expires_at = Instant(required=True, metadata=says("From this instant they are gone."))
    expires_on = LocalDate(required=True, metadata=says("Last local day they can be used."))
    days_left = StrictInteger(required=True, metadata=says("Local days until then.", 41))


class BalanceSchema(WireSchema):
    """A member's points now."""

    member_id = Id(required=True)
    balances = fields.Nested(BalancesSchema, required=True)
    lifetime = fields.Nested(LifetimeSchema, required=True)
    expiring = fields.List(fields.Nested(ExpiringSchema), required=True)
    as_of = Instant(required=True)


class TransactionReferenceSchema(WireSchema):
    """What caused an entry."""

    kind = Text(
        required=True,
        metadata=says("sale, return, cancel, activity, benefit, hold or lot.", "sale"),
    )
    id = Text(
        required=True,
        max_length=300,
        metadata=says("Its id; sale_id/return_id for a return.", "S001-20261122-0042"),
    )


class TransactionLotSchema(WireSchema):
    """A lot that an entry gave to (+) or took from (-)."""

    lot_id = Id(required=True)
    points = StrictInteger(required=True, metadata=says("Signed.", 55))
    expires_at = Instant(required=True, allow_none=True)


class TransactionSchema(WireSchema):
    """An entry of the journal."""

    id = Id(required=True)
    type = Choice(*TRANSACTION_TYPES, required=True)
    points = StrictInteger(required=True, metadata=says("Signed effect on `available`.", 55))
    balance_after = Points(required=True, metadata=says("`available` after it.", 1280))
    occurred_at = Instant(required=True)
    posted_at = Instant(required=True)
    reason_code = Text(required=True, allow_none=True)
    reference = fields.Nested(TransactionReferenceSchema, required=True)
    lots = fields.List(fields.Nested(TransactionLotSchema), required=True)


class DriftSchema(WireSchema):
    """A figure that differs from what the journal or the lots say."""

    member_id = Id(required=True)
    account = Text(required=True, metadata=says("Which figure.", "available"))
    cached = StrictInteger(required=True)
    computed = StrictInteger(required=True)
    source = Text(required=True, metadata=says("postings or lots", "postings"))


class VerificationSchema(WireSchema):
    """Whether cache = Σ postings = Σ lots' remaining, per account (L2)."""

    ok = StrictBoolean(required=True)
    accounts_checked = StrictInteger(required=True)
    postings_checked = StrictInteger(required=True)
    drift = fields.List(
        fields.Nested(DriftSchema), required=True, metadata=says("The first 100 differences.")
    )
