"""Facts about tiers."""

from __future__ import annotations

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

SOURCES = ("earned", "override", "purchased")
METRICS = ("qualifying_points", "spend", "orders")


class TierChangedData(EventSchema):
    """A member's tier is another one from ``effective_from`` on (T8)."""

    member_id = Id(required=True)
    from_tier = Text(required=True, allow_none=True)
    """Null at first; the same as ``tier`` where only multiplier or source are other ones."""
    tier = Text(required=True)
    rank = StrictInteger(required=True)
    multiplier = Text(required=True)
    """Earn multiplier as a decimal string, such as ``1.25``."""
    source = Choice(*SOURCES, required=True)
    effective_from = Instant(required=True)
    reason = Text(required=True)


class ReviewDueData(EventSchema):
    """A member's tier will be reviewed, and what counts by now does not keep it (T3)."""

    member_id = Id(required=True)
    tier = Text(required=True)
    review_on = LocalDate(required=True)
    grace_until = LocalDate(required=True)
    """With the end of this local day the tier is lost."""
    days_left = StrictInteger(required=True)
    """30 or 7, the notice this is; fewer where it could not be given in time."""
    metric = Choice(*METRICS, required=True)
    have = Points(required=True)
    """What will still count on the day of the review."""
    keep = Points(required=True)
    missing = Points(required=True)


class OverrideRequestedData(EventSchema):
    """Somebody asked for a tier more than one level up: a second person has to decide (T4)."""

    override_id = Id(required=True)
    member_id = Id(required=True)
    tier = Text(required=True)
    levels_up = StrictInteger(required=True)
    expires_at = Instant(required=True)
    reason = Text(required=True, max_length=500)
    requested_by = Text(required=True)


CHANGED = EventType("tier.changed", 1, "tiers", TierChangedData)
REVIEW_DUE = EventType("tier.review_due", 1, "tiers", ReviewDueData)
OVERRIDE_REQUESTED = EventType("tier.override_requested", 1, "tiers", OverrideRequestedData)


class BenefitUsedData(EventSchema):
    """A member used a benefit of its tier (T6)."""

    member_id = Id(required=True)
    use_id = ExternalKey(required=True)
    code = Text(required=True)
    kind = Text(required=True)
    tier = Text(required=True)
    reference = ExternalKey(required=True)
    used_at = Instant(required=True)


class BenefitReversedData(EventSchema):
    """A use was taken back and counts no more."""

    member_id = Id(required=True)
    use_id = ExternalKey(required=True)
    code = Text(required=True)
    kind = Text(required=True)
    reference = ExternalKey(required=True)
    reversed_at = Instant(required=True)
    cause = Text(required=True)
    """``reversed``, ``order_cancelled`` or ``order_closed``."""


class BenefitGrantedData(EventSchema):
    """A benefit that comes by itself is due: a campaign's coupon, or points."""

    grant_id = Id(required=True)
    """Names the grant: whoever gives coupon or points gives them once for it."""
    member_id = Id(required=True)
    code = Text(required=True)
    kind = Text(required=True)
    """``birthday_gift`` or ``upgrade_coupon``."""
    tier = Text(required=True)
    occasion = Text(required=True)
    campaign_id = Id(required=True, allow_none=True)
    points = Points(required=True, allow_none=True)


class RenewalDueData(EventSchema):
    """A paid membership ends soon, and nothing follows it (T7)."""

    subscription_id = Id(required=True)
    member_id = Id(required=True)
    plan = Text(required=True)
    tier = Text(required=True)
    ends_at = Instant(required=True)


BENEFIT_USED = EventType("benefit.used", 1, "tiers", BenefitUsedData)
BENEFIT_REVERSED = EventType("benefit.reversed", 1, "tiers", BenefitReversedData)
BENEFIT_GRANTED = EventType("benefit.granted", 1, "tiers", BenefitGrantedData)
RENEWAL_DUE = EventType("subscription.renewal_due", 1, "tiers", RenewalDueData)
