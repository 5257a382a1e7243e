"""Reads of the members service."""

from __future__ import annotations

from services.members.queries.codes import ReadCode, read_code
from services.members.queries.histories import consent_history, standing_history
from services.members.queries.households import household, households, left_household
from services.members.queries.members import (
    consents_of,
    lookup,
    lookup_many,
    member,
    search,
    status,
    views_of,
)
from services.members.queries.merges import merge_list, merge_views, survivor, survivors

__all__ = [
    "ReadCode",
    "consent_history",
    "consents_of",
    "household",
    "households",
    "left_household",
    "lookup",
    "lookup_many",
    "member",
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
