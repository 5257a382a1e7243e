"""Reads of the members service."""

from __future__ import annotations

from services.members.queries.codes import ReadCode, read_code
from services.members.queries.histories import consent_history, standing_history
from services.members.queries.households import household, households, left_household
from services.members.queries.members import (
    consents_of,
    count_members,
    lookup,
    lookup_many,
    member,
    members_after,
    search,
    status,
    views_of,
)
from services.members.queries.merges import merge_list, merge_views, survivor, survivors

__all__ = [
    "ReadCode",
    "consent_history",
    "consents_of",
    "count_members",
    "household",
    "households",
    "left_household",
    "lookup",
    "lookup_many",
    "member",
    "members_after",
    "merge_list",
    "merge_views",
    "read_code",
    "search",
    "standing_history",
    "status",
    "survivor",
    "survivors",
    "views_of",
]
