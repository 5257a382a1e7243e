"""What tiers look like on the wire, over HTTP and RPC alike."""

from __future__ import annotations

from marshmallow import fields

from shared.contracts.base import PageQuery, WireSchema
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
from shared.contracts.tiers.benefits import BenefitSchema
from shared.contracts.tiers.events import METRICS, SOURCES
from shared.contracts.tiers.programmes import WindowSchema, described

REASONS = (
    "enrolled",
    "qualified",
    "review_passed",
    "grace_started",
    "review_failed",
    "programme",
    "corrected",
    "override",
    "override_ended",
    "override_revoked",
    "purchased",
    "purchased_ended",
    "purchase_refunded",
    "floor_changed",
)


class TierSchema(WireSchema):
    """Which tier."""

    code = Text(required=True, metadata=described("Stable code.", "GOLD"))
    name = Text(required=True, metadata=described("Name to show.", "Gold"))
    rank = StrictInteger(required=True, metadata=described("0 is the entry tier.", 2))


class NextTierSchema(WireSchema):
    """The tier above."""

    code = Text(required=True, metadata=described("Stable code.", "PLATINUM"))
    need = Points(required=True, metadata=described("Progress that reaches it.", 20000))
    missing = Points(required=True, metadata=described("What is still missing.", 13500))


class ProgressSchema(WireSchema):
    """How far the member is."""

    metric = Choice(*METRICS, required=True)
    window = fields.Nested(WindowSchema, required=True)
    have = Points(required=True, metadata=described("What counts in the window now.", 6500))
    keep = Points(
        required=True, metadata=described("What keeps the present tier at its review.", 5000)
    )
    next = fields.Nested(NextTierSchema, required=True, allow_none=True)


class OverrideInForceSchema(WireSchema):
    """The override that the shown tier stands on (T4)."""

    override_id = Id(required=True)
    tier = Text(required=True, metadata=described("Code of the tier.", "GOLD"))
    reason = Text(required=True, metadata=described("Why.", "Compensation for a lost parcel"))
    expires_at = Instant(required=True)
    requested_by = Text(
        required=True, allow_none=True, metadata=described("Staff id; hidden from the member.")
    )


class ActorSchema(WireSchema):
    """Who caused it."""

    kind = Text(required=True, metadata=described("`system` where facts or time did.", "staff"))
    id = Text(required=True, allow_none=True, metadata=described("Hidden from the member."))


class MemberTierSchema(WireSchema):
    """A member's tier and what it takes to keep or raise it."""

    member_id = Id(required=True)
    tier = fields.Nested(TierSchema, required=True)
    source = Choice(*SOURCES, required=True)
    multiplier = Text(required=True, metadata=described("Earn multiplier.", "1.25"))
    since = Instant(required=True)
    review_on = LocalDate(
        required=True,
        metadata=described("The next review comes at the end of this local day.", "2027-03-14"),
    )
    grace_until = LocalDate(
        required=True,
        allow_none=True,
        metadata=described("With the end of this local day a tier that failed its review is lost."),
    )
    progress = fields.Nested(ProgressSchema, required=True)
    override = fields.Nested(OverrideInForceSchema, required=True, allow_none=True)
    benefits = fields.List(fields.Nested(BenefitSchema), required=True)


class MemberTierQuery(WireSchema):
    """Whose tier; ``enrolled_at`` dates the entry tier until tiers has heard of the member."""

    member_id = Id(required=True)
    enrolled_at = Instant(load_default=None, allow_none=True)


class TierChangeSchema(WireSchema):
    """One change of a member's tier."""

    change_id = Id(required=True)
    from_tier = Text(required=True, allow_none=True)
    tier = Text(required=True, metadata=described("Code of the tier.", "GOLD"))
    source = Choice(*SOURCES, required=True)
    reason = Choice(*REASONS, required=True, metadata=described("Why.", "qualified"))
    sale_id = ExternalKey(
        required=True, allow_none=True, metadata=described("The sale that reached it.")
    )
    have = Points(required=True, metadata=described("Progress at that moment.", 5000))
    keep = Points(
        required=True, allow_none=True, metadata=described("What it was measured against.", 5000)
    )
    actor = fields.Nested(ActorSchema, required=True)
    note = Text(required=True, allow_none=True, metadata=described("What staff said about it."))
    reference = Text(
        required=True,
        allow_none=True,
        metadata=described("Id of the override or subscription behind it."),
    )
    programme_version = StrictInteger(required=True)
    effective_from = Instant(required=True)
    recorded_at = Instant(required=True)


class HistoryQuery(PageQuery):
    """One page of a member's history, newest first."""

    member_id = Id(required=True)
