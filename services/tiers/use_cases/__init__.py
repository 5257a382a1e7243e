"""One function, one act on tiers, one transaction.

- `facts`: what members and points tell about members, sales and returns (T1, T3).
- `reviews`: what time alone makes due (T3).
- `overrides`: what staff give by hand (T4).
- `programmes`, `simulating`: versions of the programme (T5).
- `moving`: what they all end with: standing, history, news (T5, T8).
"""

from __future__ import annotations

from services.tiers.use_cases.facts import (
    count_cancel,
    count_claim,
    count_return,
    count_sale,
    follow,
    start,
)
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

__all__ = [
    "SIMULATE",
    "adopt_version",
    "amend_programme",
    "approve_override",
    "count_cancel",
    "count_claim",
    "count_return",
    "count_sale",
    "create_programme",
    "follow",
    "publish_programme",
    "reject_override",
    "request_override",
    "review",
    "revoke_override",
    "simulate_programme",
    "simulate_slice",
    "start",
]
