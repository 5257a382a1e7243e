"""Facts by which services hand out and forget what they know of a member (M6).

They name the member by id. What a service knows travels sealed for the export that asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import fields, validate

from shared.contracts.base import EventSchema, WireSchema
from shared.contracts.event import EventType
from shared.contracts.fields import Id, Instant, StrictBoolean, StrictInteger, Text

HOLDERS = ("identity", "points", "coupons", "tiers")
"""Who keeps anything of members beside members itself."""


class ExportRequestedData(EventSchema):
    """Members collects all that is kept of somebody."""

    export_id = Id(required=True)
    member_id = Id(required=True)
    member_ids = fields.List(Id(), required=True)
    """All that this person is: the member, and whoever was merged into it (M3)."""
    public_key = Text(required=True)
    """Seals what is sent back, see `shared.privacy.sealing`."""


class ExportPartData(EventSchema):
    """Some rows of one table of a service; ``seq`` counts from 0 without a gap."""

    export_id = Id(required=True)
    member_id = Id(required=True)
    seq = StrictInteger(required=True, validate=validate.Range(min=0))
    table = Text(required=True)
    is_last = StrictBoolean(required=True)
    sealed = Text(required=True, max_length=64_000_000)


class MemberErasedData(EventSchema):
    """A person is to be forgotten.

    ``phone_digest`` is by what identity's one-time codes name the phone; members takes it out of
    its outbox once identity has acknowledged.
    """

    member_id = Id(required=True)
    erased_at = Instant(required=True)
    phone_digest = Text(allow_none=True, load_default=None)


class ErasureAcknowledgedData(EventSchema):
    """A service has forgotten a member; ``done`` says what that took, in numbers."""

    member_id = Id(required=True)
    done = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


EXPORT_REQUESTED = EventType("member.export_requested", 1, "members", ExportRequestedData)
ERASED = EventType("member.erased", 1, "members", MemberErasedData)
EXPORT_PARTS: Mapping[str, EventType] = {
    service: EventType(f"{service}.export_part", 1, service, ExportPartData) for service in HOLDERS
}
ACKNOWLEDGED: Mapping[str, EventType] = {
    service: EventType(f"{service}.erasure_acknowledged", 1, service, ErasureAcknowledgedData)
    for service in HOLDERS
}


class PartOrderSchema(WireSchema):
    """Which export a service's job makes the parts of."""

    export_id = Id(required=True)
    member_id = Id(required=True)
    member_ids = fields.List(Id(), required=True)
    public_key = Text(required=True)
