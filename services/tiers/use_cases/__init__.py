"""One function, one act on tiers, one transaction.

- `facts`: what members and points tell about members, sales and returns (T1, T3).
- `reviews`: what time alone makes due (T3).
- `overrides`: what staff give by hand (T4).
- `programmes`, `simulating`: versions of the programme (T5).
- `merging`: what two members did counts for the one they are (M3).
- `benefits`, `granting`: what the tier gives is used, or comes by itself (T6).
- `subscriptions`: tiers that are paid for (T7).
- `erasing`: a member is forgotten (M6).
- `moving`: what they all end with: standing, history, news (T5, T8).
"""

from __future__ import annotations

from services.tiers.use_cases.benefits import free_order, reverse_use, use_benefit
from services.tiers.use_cases.erasing import erase_member
from services.tiers.use_cases.facts import (
    count_cancel,
    count_claim,
    count_return,
    count_sale,
    follow,
    start,
    start_imported,
)
from services.tiers.use_cases.granting import give_birthday_gifts
from services.tiers.use_cases.merging import follow_merge
from services.tiers.use_cases.overrides import (
    approve_override,
    reject_override,
    request_override,
    revoke_override,
)
from services.tiers.use_cases.programmes import (
    amend_programme,
    create_programme,
    publish_programme,
)
from services.tiers.use_cases.reviews import adopt_version, review
from services.tiers.use_cases.simulating import SIMULATE, simulate_programme, simulate_slice
from services.tiers.use_cases.subscriptions import (
    amend_plan,
    buy_plan,
    cancel_subscriptions,
    create_plan,
    tell_renewals,
)

__all__ = [
    "SIMULATE",
    "adopt_version",
    "amend_plan",
    "amend_programme",
    "approve_override",
    "buy_plan",
    "cancel_subscriptions",
    "count_cancel",
    "count_claim",
    "count_return",
    "count_sale",
    "create_plan",
    "create_programme",
    "erase_member",
    "follow",
    "follow_merge",
    "free_order",
    "give_birthday_gifts",
    "publish_programme",
    "reject_override",
    "request_override",
    "reverse_use",
    "review",
    "revoke_override",
    "simulate_programme",
    "simulate_slice",
    "start",
    "start_imported",
    "tell_renewals",
    "use_benefit",
]
