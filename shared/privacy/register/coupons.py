"""What coupons keeps: who holds which coupon, and on what it was used."""

from __future__ import annotations

from collections.abc import Mapping

from shared.privacy.register.entries import Form, Holding, blanked, kept

COUPONS = (
    Holding(
        "coupons",
        "members",
        "What coupons knows of you.",
        (*kept("status tier tier_rank"), *blanked("birth_month")),
        others=("status_sequence", "tier_sequence"),
    ),
    Holding(
        "coupons",
        "coupons",
        "Your coupons.",
        (
            *kept("coupon_id campaign_id version status order_id valid_from valid_until issued_at"
                  " updated_at gift_of code_hint origin_member_id"),
            *blanked("code_sealed gift_message_sealed", Form.SEALED),
        ),
        others=("free_status", "code_digest", "notices", "code_no"),
    ),
    Holding(
        "coupons",
        "redemptions",
        "Discounts you got.",
        kept("redemption_id order_id campaign_id coupon_id version status store_id used_on"
             " discount_minor line_discounts created_at updated_at"),
    ),
    Holding(
        "coupons",
        "orders",
        "The orders you got them on.",
        kept("order_id status opened_at expires_at closed_at created_at updated_at"),
        whose=("order_id",),
        through="redemptions.order_id",
        # The answer repeats the redemptions.
        others=("fingerprint", "result_sealed"),
    ),
    Holding(
        "coupons",
        "history",
        "What became of your coupons, and why.",
        (*kept("id campaign_id coupon_id from_status to_status cause order_id actor_kind actor_id"
               " at"), *blanked("reason")),
        others=("request_id",),
    ),
    Holding(
        "coupons",
        "reward_orders",
        "Rewards you ordered.",
        kept("order_id reward_id status quantity points reward_name kind campaign_id coupon_ids"
             " hold_id reason_code reserved_at expires_at ordered_at fulfilled_at cancelled_at"
             " updated_at origin_member_id"),
        others=("request_key", "fingerprint"),
    ),
    Holding(
        "coupons",
        "reward_holders",
        "How many pieces of a reward you have ordered.",
        kept("reward_id taken"),
    ),
    Holding(
        "coupons",
        "grants",
        "On what occasions campaigns gave you something.",
        kept("campaign_id occasion coupon_id refusal granted_at"),
    ),
)  # fmt: skip

COUPONS_OTHERS = frozenset(
    {
        "birthday_runs",
        "campaign_alarms",
        "campaign_versions",
        "campaigns",
        "code_pools",
        "rewards",
        # Sums of coupons and redemptions by member's id.
        "usage",
    }
)

COUPONS_TOLD: Mapping[str, Mapping[str, str | None]] = {"coupon.voided": {"reason": ""}}
