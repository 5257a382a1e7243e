"""Facts about tiers."""

from __future__ import annotations

from shared.contracts.base import EventSchema
from shared.contracts.event import EventType
from shared.contracts.fields import Choice, Id, Instant, StrictInteger, Text

SOURCES = ("earned", "override", "purchased")


class TierChangedData(EventSchema):
    """A member's tier is another one from ``effective_from`` on (T8)."""

    member_id = Id(required=True)
    from_tier = Text(required=True, allow_none=True)
    tier = Text(required=True)
    rank = StrictInteger(required=True)
    multiplier = Text(required=True)
    """Earn multiplier as a decimal string, such as ``1.25``."""
    source = Choice(*SOURCES, required=True)
    effective_from = Instant(required=True)
    reason = Text(required=True)


CHANGED = EventType("tier.changed", 1, "tiers", TierChangedData)
