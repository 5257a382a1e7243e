"""Merges of members as they travel (M3)."""

from __future__ import annotations

from marshmallow import fields

from shared.contracts.base import WireSchema
from shared.contracts.fields import Choice, Id, Instant, Text
from shared.contracts.members.accounts import ReasonSchema
from shared.contracts.members.merge_events import FOLLOWERS
from shared.contracts.members.schemas import described

UNDO_DAYS = 30
MERGE_STATUSES = ("merging", "merged", "unmerging", "unmerged")
PROGRESS = ("pending", "done")


class UnmergeSchema(WireSchema):
    """Who shall be a member of its own again."""

    source_member_id = Id(required=True)


class MergeSchema(UnmergeSchema, ReasonSchema):
    """Who is the same person, and how that is known."""


class MergeCommandSchema(MergeSchema):
    """`MergeSchema` with the member that stays."""

    member_id = Id(required=True)


class UnmergeCommandSchema(UnmergeSchema):
    """`UnmergeSchema` with the member it was merged into."""

    member_id = Id(required=True)


class MergeProgressSchema(WireSchema):
    """How far one service has come with the newest step."""

    service = Choice(*FOLLOWERS, required=True)
    status = Choice(*PROGRESS, required=True)
    done_at = Instant(required=True, allow_none=True)


class MergeRecordSchema(WireSchema):
    """One merge of two members, and what has become of it."""

    merge_id = Id(required=True)
    source_member_id = Id(required=True, metadata=described("Who was merged into the other."))
    survivor_member_id = Id(required=True, metadata=described("Who has it all since."))
    status = Choice(*MERGE_STATUSES, required=True)
    reason = Text(
        required=True,
        allow_none=True,
        metadata=described("Why; null once the survivor is forgotten.", "Same person, two phones."),
    )
    merged_at = Instant(required=True)
    merged_by = Text(required=True, metadata=described("Kind and id.", "staff:0192f3a0"))
    undo_until = Instant(required=True, metadata=described("Until when it can be undone."))
    unmerged_at = Instant(required=True, allow_none=True)
    unmerged_by = Text(required=True, allow_none=True)
    services = fields.List(
        fields.Nested(MergeProgressSchema),
        required=True,
        metadata=described("Who has moved what is its own already."),
    )
