"""Overrides of a tier on the wire (T4)."""

from __future__ import annotations

from shared.contracts.base import PageQuery, WireSchema
from shared.contracts.fields import Choice, Id, Instant, StrictInteger, Text
from shared.contracts.tiers.programmes import described

OVERRIDE_STATUSES = ("pending_approval", "approved", "rejected", "revoked")
_REASON = described("Why, for whoever looks at it later.", "Compensation for a lost parcel")


class OverrideRequestSchema(WireSchema):
    """A floor under a member's tier until a date."""

    tier = Text(
        required=True, max_length=50, metadata=described("Code of the tier to give.", "GOLD")
    )
    reason = Text(required=True, max_length=500, metadata=_REASON)
    expires_at = Instant(
        required=True, metadata=described("When it ends by itself.", "2027-01-01T00:00:00Z")
    )


class OverrideSchema(WireSchema):
    """An override, with who and why."""

    override_id = Id(required=True)
    member_id = Id(required=True)
    tier = Text(required=True, metadata=described("Code of the tier.", "GOLD"))
    status = Choice(*OVERRIDE_STATUSES, required=True)
    reason = Text(required=True, metadata=_REASON)
    earned_tier = Text(required=True, metadata=described("The tier earned at the request."))
    levels_up = StrictInteger(
        required=True, metadata=described("Levels above the earned tier; from 2 on two decide.", 1)
    )
    requested_by = Text(required=True, metadata=described("Staff id."))
    requested_at = Instant(required=True)
    decided_by = Text(required=True, allow_none=True, metadata=described("Staff id."))
    decided_at = Instant(required=True, allow_none=True)
    decision_note = Text(required=True, allow_none=True)
    starts_at = Instant(required=True, allow_none=True)
    expires_at = Instant(required=True)
    ended_at = Instant(
        required=True, allow_none=True, metadata=described("When it was revoked early.")
    )


class DecisionSchema(WireSchema):
    """A decision about an override."""

    note = Text(
        max_length=500,
        load_default=None,
        allow_none=True,
        metadata=described("Why, for whoever looks at it later."),
    )


class RequestOverride(OverrideRequestSchema):
    """Put a floor under a member's tier; ``enrolled_at`` as for `MemberTierQuery`."""

    member_id = Id(required=True)
    enrolled_at = Instant(load_default=None, allow_none=True)


class OverrideRef(WireSchema):
    """Names an override."""

    override_id = Id(required=True)


class DecideOverride(DecisionSchema):
    """Decide about an override."""

    override_id = Id(required=True)


class OverridesQuery(PageQuery):
    """Which overrides to list, newest first."""

    member_id = Id(load_default=None, allow_none=True)
    status = Choice(*OVERRIDE_STATUSES, load_default=None, allow_none=True)
