"""Facts about members. They carry no personal data: consumers need none (M4, M6)."""

from __future__ import annotations

from marshmallow import fields

from shared.contracts.base import EventSchema
from shared.contracts.event import EventType
from shared.contracts.fields import Choice, ExternalKey, Id, Instant, Text

MEMBER_STATUSES = ("active", "frozen", "closed", "merged", "erased")
CHANNELS = ("store", "web", "app", "social", "call_center", "import")


class MemberEnrolledData(EventSchema):
    """A person joined."""

    member_id = Id(required=True)
    enrolled_at = Instant(required=True)
    channel = Choice(*CHANNELS, required=True)
    status = Choice(*MEMBER_STATUSES, required=True)
    home_store_id = ExternalKey(allow_none=True, load_default=None)
    locale = Text(allow_none=True, load_default=None)


class MemberUpdatedData(EventSchema):
    """A profile changed; ``changed`` names the fields, not their values."""

    member_id = Id(required=True)
    changed = fields.List(Text(), required=True)
    status = Choice(*MEMBER_STATUSES, required=True)


ENROLLED = EventType("member.enrolled", 1, "members", MemberEnrolledData)
UPDATED = EventType("member.updated", 1, "members", MemberUpdatedData)
