"""Reads of the tiers service.

- `programmes`: versions of the programme (T1, T5).
- `overrides`: with who and why (T4).
- `members`: where a member stands, and how it came there (T3).
- `passing`: what time has made due, worked out for many members at once.
"""

from __future__ import annotations

from services.tiers.queries.members import member_tier, tier_history
from services.tiers.queries.overrides import override, override_list
from services.tiers.queries.programmes import programme, programme_list, programme_version

__all__ = [
    "member_tier",
    "override",
    "override_list",
    "programme",
    "programme_list",
    "programme_version",
    "tier_history",
]
