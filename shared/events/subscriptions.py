"""Who hears what: the one table of which service consumes which events.

The consumer's containers and the producer's relay both declare queues from it. So an event is never
published before the queues exist that must get it, in whichever order services are deployed, and an
event nobody is listed for is known to be of no interest rather than lost.
"""

from __future__ import annotations

from shared.contracts import privacy
from shared.contracts.coupons import events as coupons
from shared.contracts.event import EventType
from shared.contracts.identity import events as identity
from shared.contracts.members import events as members
from shared.contracts.members import merge_events as merges
from shared.contracts.points import events as points
from shared.contracts.tiers import events as tiers

SUBSCRIPTIONS: dict[str, tuple[EventType, ...]] = {
    "coupons": (
        privacy.ERASED,
        privacy.EXPORT_REQUESTED,
        members.ENROLLED,
        members.UPDATED,
        merges.MERGED,
        merges.UNMERGED,
        points.CHECKOUT_CLOSED,
        points.REDEEMED,
        points.RELEASED,
        points.SALE_CANCELLED,
        points.SALE_RECORDED,
        points.SALE_RETURNED,
        tiers.BENEFIT_GRANTED,
        tiers.CHANGED,
    ),
    "identity": (
        merges.MERGED,
        merges.UNMERGED,
        privacy.ERASED,
        privacy.EXPORT_REQUESTED,
    ),
    "members": (
        *(merges.APPLIED[service] for service in merges.FOLLOWERS),
        *privacy.ACKNOWLEDGED.values(),
        *privacy.EXPORT_PARTS.values(),
    ),
    "points": (
        privacy.ERASED,
        privacy.EXPORT_REQUESTED,
        coupons.REWARD_CANCELLED,
        identity.STORE_CHANGED,
        identity.STORE_OPENED,
        members.ENROLLED,
        members.HOUSEHOLD_CHANGED,
        members.IMPORTED,
        members.UPDATED,
        merges.MERGED,
        merges.UNMERGED,
        tiers.BENEFIT_GRANTED,
        tiers.CHANGED,
    ),
    "tiers": (
        privacy.ERASED,
        privacy.EXPORT_REQUESTED,
        members.ENROLLED,
        members.IMPORTED,
        members.UPDATED,
        merges.MERGED,
        merges.UNMERGED,
        points.CHECKOUT_CLOSED,
        points.SALE_CANCELLED,
        points.SALE_CLAIMED,
        points.SALE_RECORDED,
        points.SALE_RETURNED,
    ),
}
"""Consumer → events it has a handler for."""
