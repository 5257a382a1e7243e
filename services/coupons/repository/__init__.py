"""Writes: ordered locks, conditional updates whose row counts are tested, appends.

Whoever takes several kinds of locks takes them in this order: the order's row, usage counters by
their key, coupons by id.
"""

from __future__ import annotations

from services.coupons.repository import (
    campaigns,
    coupons,
    grants,
    members,
    orders,
    pools,
    redemptions,
    rewards,
    usage,
)
from services.coupons.repository.history import Change, append_history

__all__ = [
    "Change",
    "append_history",
    "campaigns",
    "coupons",
    "grants",
    "members",
    "orders",
    "pools",
    "redemptions",
    "rewards",
    "usage",
]
