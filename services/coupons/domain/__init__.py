"""Rules of coupons, pure: what a campaign may say, when a coupon is good, what it takes off."""

from __future__ import annotations

from services.coupons.domain.alarms import alarms
from services.coupons.domain.campaign import (
    Campaign,
    Demand,
    Limits,
    Scope,
    Stacking,
    Terms,
    Trigger,
    Validity,
    draft_problems,
    issue_demands,
    publish_problems,
    revision_problems,
    use_demands,
)
from services.coupons.domain.discounts import Line
from services.coupons.domain.pricing import (
    Applied,
    Basket,
    Candidate,
    Evaluation,
    HeldCoupon,
    Shopper,
    Unused,
    evaluate,
    promised_refusal,
    refusal,
)
from services.coupons.domain.reasons import message_for, told_to_stranger
from services.coupons.domain.rewards import Reward, not_orderable, reward_problems
from services.coupons.domain.validity import (
    EXPIRES_SOON_DAYS,
    FAULT_GRACE,
    NOTICE_DAYS,
    VISIBLE_AFTER_END,
    days_left,
    local_text,
    notices_done,
    period,
    status_at,
    wallet_reason,
)
from services.coupons.domain.wording import conditions, headline

__all__ = [
    "EXPIRES_SOON_DAYS",
    "FAULT_GRACE",
    "NOTICE_DAYS",
    "VISIBLE_AFTER_END",
    "Applied",
    "Basket",
    "Campaign",
    "Candidate",
    "Demand",
    "Evaluation",
    "HeldCoupon",
    "Limits",
    "Line",
    "Reward",
    "Scope",
    "Shopper",
    "Stacking",
    "Terms",
    "Trigger",
    "Unused",
    "Validity",
    "alarms",
    "conditions",
    "days_left",
    "draft_problems",
    "evaluate",
    "headline",
    "issue_demands",
    "local_text",
    "message_for",
    "not_orderable",
    "notices_done",
    "period",
    "promised_refusal",
    "publish_problems",
    "refusal",
    "revision_problems",
    "reward_problems",
    "status_at",
    "told_to_stranger",
    "use_demands",
    "wallet_reason",
]
