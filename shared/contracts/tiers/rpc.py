"""What the tiers service answers."""

from __future__ import annotations

from shared.contracts.base import EmptySchema, page_of
from shared.contracts.method import Method
from shared.contracts.tiers import programmes, schemas

SERVICE = "tiers"

PROGRAMME = Method(SERVICE, "programme", EmptySchema, programmes.ProgrammeSchema)
MEMBER_TIER = Method(SERVICE, "member_tier", schemas.MemberTierQuery, schemas.MemberTierSchema)
"""Answers the entry tier for a member it has not heard of: members decides who exists."""
TIER_HISTORY = Method(
    SERVICE, "tier_history", schemas.HistoryQuery, page_of(schemas.TierChangeSchema)
)
