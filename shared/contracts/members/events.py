"""Facts about members. They carry no personal data: consumers need none (M4, M6).

The one exception is the month of the birthday, which birthday rules and gifts go by (E2, C9): a
twelfth of all people share it.
"""

from __future__ import annotations

from marshmallow import fields, validate

from shared.contracts.base import EventSchema
from shared.contracts.event import EventType
from shared.contracts.fields import (
    Choice,
    ExternalKey,
    Id,
    Instant,
    LocalDate,
    Points,
    StrictInteger,
    Text,
)

MEMBER_STATUSES = ("active", "frozen", "closed", "merged", "erased")
CHANNELS = ("store", "web", "app", "social", "call_center", "import")


def _birth_month() -> StrictInteger:
    """1 to 12; null where the member has told no birthday."""
    return StrictInteger(allow_none=True, load_default=None, validate=validate.Range(min=1, max=12))


class MemberEnrolledData(EventSchema):
    """A person joined."""

    member_id = Id(required=True)
    enrolled_at = Instant(required=True)
    channel = Choice(*CHANNELS, required=True)
    status = Choice(*MEMBER_STATUSES, required=True)
    home_store_id = ExternalKey(allow_none=True, load_default=None)
    locale = Text(allow_none=True, load_default=None)
    birth_month = _birth_month()
    import_id = Id(allow_none=True, load_default=None)
    """The import that brought the member; whoever hears ``member.imported`` has it from there."""


class MemberUpdatedData(EventSchema):
    """A profile changed; ``changed`` names the fields, not their values.

    ``enrolled_at`` is null only in events of releases that did not tell it.
    """

    member_id = Id(required=True)
    changed = fields.List(Text(), required=True)
    status = Choice(*MEMBER_STATUSES, required=True)
    enrolled_at = Instant(allow_none=True, load_default=None)
    birth_month = _birth_month()


class MemberFrozenData(EventSchema):
    """An account was frozen; consumers that judge by status hear it from ``member.updated``."""

    member_id = Id(required=True)


class ImportedMember(EventSchema):
    """One of many who came; 0 points where it brought none.

    ``expires_on`` is the last local day on which they can be spent; null where the programme's own
    terms say when.
    """

    member_id = Id(required=True)
    enrolled_at = Instant(required=True)
    birth_month = _birth_month()
    points = Points(required=True)
    expires_on = LocalDate(allow_none=True, load_default=None)


class MembersImportedData(EventSchema):
    """Active members came from another system; each is told once, however often its file comes.

    Some of them at a time, so that whoever keeps much of each can take them in together. That each
    has enrolled is told besides, by the first event of its own.
    """

    members = fields.List(
        fields.Nested(ImportedMember), required=True, validate=validate.Length(min=1)
    )


class HouseholdChangedData(EventSchema):
    """A household as it is from now on: all who belong to it, and who came or went just now.

    Without an owner it is closed, and nobody belongs to it.
    """

    household_id = Id(required=True)
    owner_member_id = Id(allow_none=True, required=True)
    member_ids = fields.List(Id(), required=True)
    """All of them, the owner included."""
    joined = fields.List(Id(), required=True)
    left = fields.List(Id(), required=True)


ENROLLED = EventType("member.enrolled", 1, "members", MemberEnrolledData)
UPDATED = EventType("member.updated", 1, "members", MemberUpdatedData)
FROZEN = EventType("member.frozen", 1, "members", MemberFrozenData)
IMPORTED = EventType("member.imported", 1, "members", MembersImportedData)
"""Its subject is the import's id."""
HOUSEHOLD_CHANGED = EventType("member.household_changed", 1, "members", HouseholdChangedData)
"""Its subject is the household's id, so ``sequence`` orders the changes of one household."""
