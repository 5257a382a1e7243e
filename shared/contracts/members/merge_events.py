"""The events of a merge (M3): members says what is done, each service says when it has done it.

Every step, a merge or its undoing, names the steps that come before it: the last one that either
of the two members took part in. Who hears of a step too early waits for those, so that the order
in which events arrive makes no difference.
"""

from __future__ import annotations

from marshmallow import fields

from shared.contracts.base import EventSchema
from shared.contracts.event import EventType
from shared.contracts.fields import Id

FOLLOWERS = ("coupons", "identity", "points", "tiers")
"""The services that have something of a member's to move."""


class MergeStepData(EventSchema):
    """Two members became one, or two again."""

    step_id = Id(required=True)
    """Told again, it is the same step."""
    merge_id = Id(required=True)
    source_member_id = Id(required=True)
    survivor_member_id = Id(required=True)
    after = fields.List(Id(), required=True)
    """The steps that have to be done before this one."""


class MergeAppliedData(EventSchema):
    """A service has moved what is its own."""

    step_id = Id(required=True)
    merge_id = Id(required=True)


MERGED = EventType("member.merged", 1, "members", MergeStepData)
"""Its subject is the source: its ``sequence`` orders merges among the source's other events."""
UNMERGED = EventType("member.unmerged", 1, "members", MergeStepData)
APPLIED = {
    service: EventType(f"{service}.merge_applied", 1, service, MergeAppliedData)
    for service in FOLLOWERS
}
