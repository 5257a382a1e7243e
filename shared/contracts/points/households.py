"""What a household's points look like on the wire, over HTTP and RPC alike (L10)."""

from __future__ import annotations

from marshmallow import fields

from shared.contracts.base import WireSchema
from shared.contracts.fields import Choice, Id, Instant, Points
from shared.contracts.method import Method
from shared.contracts.points.rpc import SERVICE
from shared.contracts.points.schemas import says
from shared.errors import NotFound
from shared.errors import points as errors

NOT_ACTIVE = "member_not_active"


class PoolSchema(WireSchema):
    """The owner is to have the points of the household's other members."""

    points = Points(
        load_default=None,
        allow_none=True,
        minimum=1,
        metadata=says("So many, those that lapse first; without it all that are available.", 200),
    )


class PoolCommandSchema(PoolSchema):
    """`PoolSchema` for one household."""

    household_id = Id(required=True)


class PooledTransferSchema(WireSchema):
    """What one member gave."""

    transfer_id = Id(required=True)
    from_member_id = Id(required=True)
    points = Points(required=True, metadata=says("Moved, each until its own expiry.", 120))


class SkippedMemberSchema(WireSchema):
    """Somebody who gave nothing, and why."""

    member_id = Id(required=True)
    reason = Choice(
        NOT_ACTIVE,
        required=True,
        metadata=says("`member_not_active`: frozen or closed.", NOT_ACTIVE),
    )


class PooledSchema(WireSchema):
    """What the owner was given, by whom."""

    household_id = Id(required=True)
    owner_member_id = Id(required=True)
    points = Points(required=True, metadata=says("Moved in all.", 200))
    transfers = fields.List(fields.Nested(PooledTransferSchema), required=True)
    skipped = fields.List(fields.Nested(SkippedMemberSchema), required=True)


class HouseholdIdSchema(WireSchema):
    """One household by id."""

    household_id = Id(required=True)


class MemberShareSchema(WireSchema):
    """What one member of a household can spend."""

    member_id = Id(required=True)
    available = Points(required=True, metadata=says("What the member can spend.", 120))


class HouseholdPointsSchema(WireSchema):
    """What the members of a household can spend, by member and together."""

    household_id = Id(required=True)
    owner_member_id = Id(required=True)
    available = Points(required=True, metadata=says("Of all members together.", 320))
    members = fields.List(fields.Nested(MemberShareSchema), required=True)
    as_of = Instant(required=True)


POOL = Method(
    SERVICE,
    "pool_points",
    PoolCommandSchema,
    PooledSchema,
    errors=(NotFound, *errors.NOT_ACTIVE, errors.InsufficientPoints),
)
POINTS = Method(
    SERVICE, "household_points", HouseholdIdSchema, HouseholdPointsSchema, errors=(NotFound,)
)
