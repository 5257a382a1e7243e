"""One function, one act on coupons, one transaction.

- `campaigns`: write, publish, pause, resume, archive.
- `issuing`: a member claims a coupon; marketing issues some.
- `judging`: what codes take off a basket, for a quote or under lock for an order (C7).
- `ordering`: an order reserves coupons, keeps them, gives them up (C6, H2).
- `outcomes`: what points decided about the order: redeemed, free, restored (C2, C3).
- `projections`: what members and tiers tell about members.
- `sweeps`: what time alone makes due.
"""

from __future__ import annotations

from services.coupons.use_cases.campaigns import (
    amend_campaign,
    archive_campaign,
    create_campaign,
    pause_campaign,
    publish_campaign,
    resume_campaign,
    revise_campaign,
)
from services.coupons.use_cases.issuing import claim, issue
from services.coupons.use_cases.judging import quote
from services.coupons.use_cases.ordering import confirm, release, reserve
from services.coupons.use_cases.outcomes import (
    close_order,
    redeem_order,
    restore_cancelled,
    restore_returned,
)
from services.coupons.use_cases.projections import follow_status, follow_tier
from services.coupons.use_cases.sweeps import expire_coupons, free_lapsed_orders

__all__ = [
    "amend_campaign",
    "archive_campaign",
    "claim",
    "close_order",
    "confirm",
    "create_campaign",
    "expire_coupons",
    "follow_status",
    "follow_tier",
    "free_lapsed_orders",
    "issue",
    "pause_campaign",
    "publish_campaign",
    "quote",
    "redeem_order",
    "release",
    "reserve",
    "restore_cancelled",
    "restore_returned",
    "resume_campaign",
    "revise_campaign",
]
