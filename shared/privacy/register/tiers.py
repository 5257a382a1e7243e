"""What tiers keeps: what purchases made of a member."""

from __future__ import annotations

from collections.abc import Mapping

from shared.privacy.register.entries import Holding, blanked, kept

TIERS = (
    Holding(
        "tiers",
        "tier_states",
        "Your tier.",
        (
            *kept("tier rank source since review_on programme_version earned_rank earned_since"
                  " told_from in_grace judged_at began_at enrolled status floor_tier floor_rank"
                  " floor_source floor_changes_at"),
            *blanked("birth_month"),
        ),
        others=("status_sequence", "notified", "due_at"),
    ),
    Holding(
        "tiers",
        "contributions",
        "What your purchases count for it.",
        kept("sale_id occurred_at payable_minor refunded_minor points origin_member_id"),
    ),
    Holding(
        "tiers",
        "refunds",
        "What came back of them.",
        kept("sale_id return_id occurred_at refunded_total_minor"),
        whose=("sale_id",),
        through="contributions.sale_id",
    ),
    Holding(
        "tiers",
        "tier_history",
        "Every change of your tier.",
        (*kept("change_id from_tier tier source reason sale_id have programme_version"
               " effective_from recorded_at keep actor_kind actor_id reference"), *blanked("note")),
    ),
    Holding(
        "tiers",
        "tier_overrides",
        "Tiers that staff gave you.",
        (*kept("override_id tier status expires_at earned_tier levels_up requested_by_kind"
               " requested_by_id requested_at decided_by_kind decided_by_id decided_at starts_at"
               " ended_at origin_member_id"), *blanked("reason decision_note")),
    ),
    Holding(
        "tiers",
        "benefit_uses",
        "Benefits you used.",
        kept("use_id code kind reference tier used_at used_by_kind used_by_id reversed_at"
             " reversed_cause origin_member_id"),
    ),
    Holding(
        "tiers",
        "benefit_grants",
        "Benefits that came by themselves.",
        kept("kind occasion grant_id code tier granted_at"),
    ),
    Holding(
        "tiers",
        "subscriptions",
        "Paid membership.",
        kept("subscription_id order_id plan tier months paid_minor status starts_at ends_at"
             " refundable_until bought_at cancelled_at refund_minor notified_at origin_member_id"),
    ),
)  # fmt: skip

TIERS_OTHERS = frozenset(
    {"plans", "tier_benefits", "tier_drafts", "tier_levels", "tier_programmes"}
)

TIERS_TOLD: Mapping[str, Mapping[str, str | None]] = {"tier.override_requested": {"reason": ""}}
