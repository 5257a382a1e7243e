"""Reads of the tiers service.

- `programmes`: versions of the programme (T1, T5).
- `overrides`: with who and why (T4).
- `standing`, `members`: where a member stands, and how it came there (T3).
- `benefits`: what the tier gives, and how much is left (T6).
- `subscriptions`: plans and what was bought of them (T7).
- `passing`: what time has made due, worked out for many members at once.
"""

from __future__ import annotations

from services.tiers.queries.benefits import member_benefits
from services.tiers.queries.members import member_tier, tier_history
from services.tiers.queries.overrides import override, override_list
from services.tiers.queries.programmes import programme, programme_list, programme_version
from services.tiers.queries.subscriptions import (
    plan,
    plan_list,
    subscription,
    subscription_list,
)

__all__ = [
    "member_benefits",
    "member_tier",
    "override",
    "override_list",
    "plan",
    "plan_list",
    "programme",
    "programme_list",
    "programme_version",
    "subscription",
    "subscription_list",
    "tier_history",
]
