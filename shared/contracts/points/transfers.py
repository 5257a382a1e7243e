"""What transfers between members look like on the wire, over HTTP and RPC alike (L10)."""

from __future__ import annotations

from shared.contracts.base import PageQuery, WireSchema, page_of
from shared.contracts.fields import Id, Instant, Points, StrictBoolean, Text
from shared.contracts.method import Method
from shared.contracts.points.rpc import SERVICE
from shared.contracts.points.schemas import says
from shared.errors import Invalid, NotFound
from shared.errors import points as errors

_MOST_NOTE = 500


class TransferPointsSchema(WireSchema):
    """Points are to move from one member to another."""

    from_member_id = Id(required=True)
    to_member_id = Id(required=True)
    points = Points(required=True, minimum=1, metadata=says("Those that lapse first.", 200))
    note = Text(
        load_default=None,
        allow_none=True,
        max_length=_MOST_NOTE,
        metadata=says("To the receiver.", "Happy birthday!"),
    )


class TransferSchema(WireSchema):
    """Points that one member gave another."""

    transfer_id = Id(required=True)
    from_member_id = Id(required=True)
    to_member_id = Id(required=True)
    points = Points(required=True, metadata=says("Moved, each until its own expiry.", 200))
    note = Text(required=True, allow_none=True, max_length=_MOST_NOTE)
    household_id = Id(
        required=True, allow_none=True, metadata=says("Set where a household pooled its points.")
    )
    made_by = Text(required=True, metadata=says("Who made it.", "member:0192f3a0-…"))
    made_at = Instant(required=True)


class TransferCommandSchema(TransferPointsSchema):
    """`TransferPointsSchema` with what the gateway knows of the members."""

    exists = StrictBoolean(load_default=False)
    """True when the caller knows that there are such members, though points may not yet."""


class TransferIdSchema(WireSchema):
    """One transfer by id."""

    transfer_id = Id(required=True)


class TransfersQuerySchema(PageQuery):
    """Transfers, newest first."""

    member_id = Id(load_default=None, allow_none=True)
    """On either side."""


TRANSFER = Method(
    SERVICE,
    "transfer",
    TransferCommandSchema,
    TransferSchema,
    success=201,
    errors=(
        Invalid,
        errors.UnknownMember,
        *errors.NOT_ACTIVE,
        errors.InsufficientPoints,
        errors.TransferLimitExceeded,
    ),
)
GET = Method(SERVICE, "get_transfer", TransferIdSchema, TransferSchema, errors=(NotFound,))
LIST = Method(SERVICE, "list_transfers", TransfersQuerySchema, page_of(TransferSchema))
