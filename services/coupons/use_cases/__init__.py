"""One function, one act on coupons, one transaction.

- `campaigns`: write, publish, pause, resume, archive.
- `issuing`: a member claims a coupon; marketing issues some.
- `withdrawing`: staff void a coupon; a member gives one away.
- `granting`: what campaigns give upon joining, rising, a birthday.
- `pooling`: codes made by the million, and exported (C9).
- `importing`: codes that were printed elsewhere (C9).
- `judging`: what codes take off a basket, for a quote or under lock for an order (C7).
- `ordering`: an order reserves coupons, keeps them, gives them up (C6, H2).
- `outcomes`: what points decided about the order: redeemed, free, restored (C2, C3, C4).
- `rewards`: what marketing offers for points.
- `reward_orders`: stock taken for points, handed over, fulfilled, cancelled (R1).
- `projections`: what members and tiers tell about members.
- `erasing`: a member is forgotten (M6).
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
from services.coupons.use_cases.erasing import erase_member, opener
from services.coupons.use_cases.granting import grant_benefit, grant_birthdays
from services.coupons.use_cases.importing import IMPORT, import_slice, start_import
from services.coupons.use_cases.issuing import claim, issue
from services.coupons.use_cases.judging import quote
from services.coupons.use_cases.merging import follow_merge, gather_stragglers
from services.coupons.use_cases.ordering import confirm, release, reserve, reserve_promised
from services.coupons.use_cases.outcomes import (
    close_order,
    redeem_order,
    restore_cancelled,
    restore_returned,
)
from services.coupons.use_cases.pooling import (
    GENERATE,
    export_codes,
    generate_slice,
    start_codes,
)
from services.coupons.use_cases.projections import follow_status, follow_tier, welcome
from services.coupons.use_cases.reward_orders import (
    cancel_reward_order,
    complete_reward,
    confirm_reward,
    follow_capture,
    follow_release,
    free_lapsed_reward_orders,
    free_reward,
    fulfil_reward_order,
    reserve_reward,
)
from services.coupons.use_cases.rewards import amend_reward, create_reward
from services.coupons.use_cases.sweeps import (
    announce_expiring,
    expire_coupons,
    free_lapsed_orders,
)
from services.coupons.use_cases.withdrawing import gift, void

__all__ = [
    "GENERATE",
    "IMPORT",
    "amend_campaign",
    "amend_reward",
    "announce_expiring",
    "archive_campaign",
    "cancel_reward_order",
    "claim",
    "close_order",
    "complete_reward",
    "confirm",
    "confirm_reward",
    "create_campaign",
    "create_reward",
    "erase_member",
    "expire_coupons",
    "export_codes",
    "follow_capture",
    "follow_merge",
    "follow_release",
    "follow_status",
    "follow_tier",
    "free_lapsed_orders",
    "free_lapsed_reward_orders",
    "free_reward",
    "fulfil_reward_order",
    "gather_stragglers",
    "generate_slice",
    "gift",
    "grant_benefit",
    "grant_birthdays",
    "import_slice",
    "issue",
    "opener",
    "pause_campaign",
    "publish_campaign",
    "quote",
    "redeem_order",
    "release",
    "reserve",
    "reserve_promised",
    "reserve_reward",
    "restore_cancelled",
    "restore_returned",
    "resume_campaign",
    "revise_campaign",
    "start_codes",
    "start_import",
    "void",
    "welcome",
]
