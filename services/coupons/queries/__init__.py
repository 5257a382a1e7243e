"""Reads: campaigns, what a member holds (C5), and what became of it (C1)."""

from __future__ import annotations

from services.coupons.queries.campaigns import (
    campaign,
    campaign_body,
    campaign_list,
    campaign_versions,
    preview,
)
from services.coupons.queries.history import history
from services.coupons.queries.rewards import (
    reward,
    reward_body,
    reward_list,
    reward_order,
    reward_order_body,
    reward_order_list,
)
from services.coupons.queries.wallet import coupon_body, coupon_code, unknown_members, wallet

__all__ = [
    "campaign",
    "campaign_body",
    "campaign_list",
    "campaign_versions",
    "coupon_body",
    "coupon_code",
    "history",
    "preview",
    "reward",
    "reward_body",
    "reward_list",
    "reward_order",
    "reward_order_body",
    "reward_order_list",
    "unknown_members",
    "wallet",
]
