"""Who hears what: the one table of which service consumes which events.

The consumer's containers and the producer's relay both declare queues from it. So an event is never
published before the queues exist that must get it, in whichever order services are deployed, and an
event nobody is listed for is known to be of no interest rather than lost.
"""

from __future__ import annotations

from shared.contracts.event import EventType
from shared.contracts.identity import events as identity
from shared.contracts.members import events as members
from shared.contracts.members import merge_events as merges
from shared.contracts.points import events as points
from shared.contracts.tiers import events as tiers

SUBSCRIPTIONS: dict[str, tuple[EventType, ...]] = {
    "coupons": (
        members.ENROLLED,
        members.UPDATED,
        merges.MERGED,
        merges.UNMERGED,
        points.CHECKOUT_CLOSED,
        points.SALE_CANCELLED,
        points.SALE_RECORDED,
        points.SALE_RETURNED,
        tiers.CHANGED,
    ),
    "identity": (
        merges.MERGED,
        merges.UNMERGED,
    ),
    "members": tuple(merges.APPLIED[service] for service in merges.FOLLOWERS),
    "points": (
        identity.STORE_CHANGED,
        identity.STORE_OPENED,
        members.ENROLLED,
        members.HOUSEHOLD_CHANGED,
        members.UPDATED,
        merges.MERGED,
        merges.UNMERGED,
        tiers.CHANGED,
    ),
    "tiers": (
        members.ENROLLED,
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
