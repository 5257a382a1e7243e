"""One function, one act on tiers, one transaction.

- `facts`: what members and points tell about members, sales and returns (T1, T3).
- `reviews`: what time alone makes due (T3).
- `moving`: what they all end with: standing, history, news (T5, T8).
"""

from __future__ import annotations

from services.tiers.use_cases.facts import (
    count_cancel,
    count_return,
    count_sale,
    follow,
    start,
)
from services.tiers.use_cases.reviews import adopt_version, review

__all__ = [
    "adopt_version",
    "count_cancel",
    "count_return",
    "count_sale",
    "follow",
    "review",
    "start",
]
