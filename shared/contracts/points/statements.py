"""A member's monthly statement: over HTTP and RPC alike."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.contracts.base import PageQuery, WireSchema
from shared.contracts.fields import (
    Choice,
    Id,
    Instant,
    Points,
    StrictBoolean,
    StrictInteger,
    Text,
)
from shared.contracts.method import Method
from shared.contracts.points.schemas import (
    TRANSACTION_TYPES,
    ExpiringSchema,
    TransactionSchema,
    says,
)
from shared.errors import NotFound

FORMATS = ("json", "csv", "pdf")
MONTH = r"\A(?:19|20|21)\d\d-(?:0[1-9]|1[0-2])\Z"


class StatementTotalSchema(WireSchema):
    """What entries of one type came to."""

    type = Choice(*TRANSACTION_TYPES, required=True)
    points = StrictInteger(required=True, metadata=says("Signed effect on `available`.", 900))


class StatementHeadSchema(WireSchema):
    """A month of a member's points, without its entries."""

    member_id = Id(required=True)
    month = Text(required=True, metadata=says("Local month.", "2026-11"))
    begins_at = Instant(required=True)
    ends_at = Instant(required=True, metadata=says("The first instant after it."))
    time_zone = Text(required=True, metadata=says("The programme's.", "Asia/Shanghai"))
    opening_balance = Points(required=True, metadata=says("`available` before it.", 380))
    closing_balance = Points(
        required=True, metadata=says("`available` after its last entry so far.", 1280)
    )
    entries = StrictInteger(required=True, metadata=says("How many it has, on all pages.", 2))
    totals = fields.List(fields.Nested(StatementTotalSchema), required=True)
    lapses_next = fields.List(
        fields.Nested(ExpiringSchema),
        required=True,
        metadata=says("The next three instants at which points lapse, as of now."),
    )
    as_of = Instant(required=True)


class StatementSchema(StatementHeadSchema):
    """A page of a statement."""

    items = fields.List(
        fields.Nested(TransactionSchema), required=True, metadata=says("Oldest first.")
    )
    next_cursor = fields.String(
        required=True, allow_none=True, metadata=says("Null on the last page.")
    )


class StatementPageSchema(StatementHeadSchema):
    """A page of a statement between services; ``next`` is the key to continue after."""

    items = fields.List(fields.Nested(TransactionSchema), required=True)
    next = fields.Dict(keys=fields.String(), allow_none=True, required=True)


class MemberStatementSchema(PageQuery):
    """One member's month, oldest entries first."""

    member_id = Id(required=True)
    exists = StrictBoolean(load_default=False)
    """True when the caller knows that there is such a member, though points may not yet."""
    month = Text(required=True, validate=validate.Regexp(MONTH))


STATEMENT = Method(
    "points", "statement", MemberStatementSchema, StatementPageSchema, errors=(NotFound,)
)
