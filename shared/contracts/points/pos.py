"""What tills' offline work looks like on the wire, over HTTP and RPC alike (S5)."""

from __future__ import annotations

from marshmallow import fields

from shared.contracts.base import PageQuery, WireSchema
from shared.contracts.fields import (
    Choice,
    ExternalKey,
    Id,
    Instant,
    Minor,
    Points,
    StrictInteger,
    Text,
)
from shared.contracts.members.events import MEMBER_STATUSES
from shared.contracts.points.schemas import says

EXCEPTION_KINDS = (
    "counter_gap",
    "counter_conflict",
    "sale_conflict",
    "return_conflict",
    "too_old",
    "over_allowance",
    "refused",
)
EXCEPTION_STATUSES = ("open", "resolved", "closed")
EXCEPTION_ACTIONS = ("acknowledge", "correct", "write_off")


class PosExceptionFilter(WireSchema):
    """Which exceptions to list."""

    status = Choice(
        *EXCEPTION_STATUSES,
        allow_none=True,
        metadata=says("`closed` ones have settled themselves.", "open"),
    )
    kind = Choice(*EXCEPTION_KINDS, allow_none=True, metadata=says("What it is.", "counter_gap"))
    terminal_id = ExternalKey(allow_none=True, metadata=says("Of this terminal.", "T-01"))
    store_id = ExternalKey(allow_none=True, metadata=says("Of this store.", "S001"))


class PosExceptionPageQuery(PageQuery, PosExceptionFilter):
    """A page of exceptions, newest first."""


class PosExceptionKey(WireSchema):
    """One exception by id."""

    exception_id = Id(required=True)


class ResolveSchema(WireSchema):
    """What staff has done about an exception."""

    action = Choice(
        *EXCEPTION_ACTIONS,
        required=True,
        metadata=says(
            "`acknowledge`: nothing to do; `correct`: put right by other means, such as an "
            "adjustment or another report; `write_off`: the loss is borne.",
            "correct",
        ),
    )
    note = Text(required=True, max_length=1_000, metadata=says("Why.", "Adjusted by hand."))


class ResolveExceptionSchema(ResolveSchema, PosExceptionKey):
    """`ResolveSchema` with which exception it is."""


class CounterRangeSchema(WireSchema):
    """Running numbers, both ends included."""

    first = StrictInteger(required=True, metadata=says("From.", 41))
    last = StrictInteger(required=True, metadata=says("To.", 43))


class ResolutionSchema(WireSchema):
    """Who settled an exception, and how."""

    action = Choice(*EXCEPTION_ACTIONS, required=True)
    note = Text(required=True, max_length=1_000)
    resolved_by = Text(required=True, metadata=says("Who.", "staff:0192f3a0"))


class PosExceptionSchema(WireSchema):
    """Something about a till's reports that staff has to look at."""

    exception_id = Id(required=True)
    kind = Choice(
        *EXCEPTION_KINDS,
        required=True,
        metadata=says(
            "`counter_gap`: numbers never arrived; `counter_conflict`: a number was used twice; "
            "`sale_conflict`, `return_conflict`: an id came with other content; `too_old`: came "
            "too late; `over_allowance`: points spent offline beyond what was allowed; `refused`: "
            "any other refusal of what was done offline.",
            "counter_gap",
        ),
    )
    status = Choice(*EXCEPTION_STATUSES, required=True)
    terminal_id = Text(required=True, metadata=says("Which till.", "T-01"))
    store_id = Text(required=True, allow_none=True)
    counters = fields.Nested(
        CounterRangeSchema,
        required=True,
        allow_none=True,
        metadata=says("The missing numbers of a gap, or the number of the report."),
    )
    sale_id = ExternalKey(required=True, allow_none=True)
    return_id = ExternalKey(required=True, allow_none=True, metadata=says("Of a refused return."))
    member_id = Id(required=True, allow_none=True)
    occurred_at = Instant(
        required=True, allow_none=True, metadata=says("When the till says that it happened.")
    )
    amount_minor = Minor(
        required=True, allow_none=True, metadata=says("Of the sale or refund, as reported.", 6000)
    )
    points_to_redeem = Points(required=True, allow_none=True, metadata=says("As reported.", 0))
    code = Text(required=True, allow_none=True, metadata=says("Of the refusal.", "sale_too_old"))
    detail = fields.String(required=True, allow_none=True)
    times = StrictInteger(required=True, metadata=says("How often it was reported.", 1))
    detected_at = Instant(required=True)
    last_reported_at = Instant(required=True)
    closed_at = Instant(
        required=True, allow_none=True, metadata=says("When it was resolved or settled itself.")
    )
    resolution = fields.Nested(ResolutionSchema, required=True, allow_none=True)


class AllowanceRequestSchema(WireSchema):
    """Which member may spend while the terminal that asks is offline."""

    member_id = Id(required=True)
    member_status = Choice(*MEMBER_STATUSES, required=True)


class AllowanceSchema(WireSchema):
    """What a member may spend at this terminal while it is offline."""

    points = Points(required=True, metadata=says("At most, in one sale or several.", 500))
    valid_until = Instant(required=True, metadata=says("Sales up to this instant may use it."))
    signature = Text(
        required=True,
        max_length=2_000,
        metadata=says(
            "A JWT (EdDSA) that says the same: member (`sub`), `terminal_id`, `points`, `exp`. "
            "Verify it with the keys of `/v1/pos/jwks.json`; a sale hands it in as "
            "`offline_allowance`."
        ),
    )
