"""Households as they travel: who shares points, and in which role (L10)."""

from __future__ import annotations

from marshmallow import fields

from shared.contracts.base import PageQuery, WireSchema
from shared.contracts.fields import Choice, Id, Instant, Text
from shared.contracts.members.schemas import described

MAX_MEMBERS = 8
MAX_INVITATIONS = 8
INVITATION_DAYS = 7
ROLES = ("owner", "member")
HOUSEHOLD_STATUSES = ("active", "closed")


def _name(*, required: bool = False) -> Text:
    metadata = described("What they call it.", "Li family")
    return Text(required=required, max_length=60, metadata=metadata)


class HouseholdMemberSchema(WireSchema):
    """Somebody who belongs to a household."""

    member_id = Id(required=True)
    role = Choice(*ROLES, required=True)
    joined_at = Instant(required=True)


class InvitationSchema(WireSchema):
    """Somebody the owner has asked to join."""

    member_id = Id(required=True)
    expires_at = Instant(required=True)


class HouseholdSchema(WireSchema):
    """Members who share. A closed household has neither members nor owner nor name."""

    household_id = Id(required=True)
    name = Text(required=True, allow_none=True, metadata=described("Its name.", "Li family"))
    status = Choice(*HOUSEHOLD_STATUSES, required=True)
    owner_member_id = Id(required=True, allow_none=True)
    members = fields.List(fields.Nested(HouseholdMemberSchema), required=True)
    invitations = fields.List(
        fields.Nested(InvitationSchema),
        required=True,
        metadata=described("Open ones; empty for all but the owner and staff."),
    )
    created_at = Instant(required=True)


class NewHouseholdSchema(WireSchema):
    """Found a household."""

    name = _name(required=True)
    owner_member_id = Id(required=True)


class HouseholdChangeSchema(WireSchema):
    """Rename a household, or pass it on to another of its members; a field left out stays."""

    name = _name()
    owner_member_id = Id()


class HouseholdKey(WireSchema):
    """One household."""

    household_id = Id(required=True)


class HouseholdChangeCommand(HouseholdChangeSchema, HouseholdKey):
    """A change of one household."""


class JoinSchema(WireSchema):
    """Who shall belong to it."""

    member_id = Id(required=True)


class MembershipCommand(JoinSchema, HouseholdKey):
    """One member and one household."""


class HouseholdsFilter(WireSchema):
    """Which households to list."""

    member_id = Id(metadata=described("Only the one this member belongs to."))


class HouseholdsQuery(HouseholdsFilter, PageQuery):
    """`HouseholdsFilter` for one page."""
