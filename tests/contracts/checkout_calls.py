"""What the gateway needs of the calls behind quotes and checkouts; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pact import match

from shared.contracts.points import rpc as points
from tests.contracts.calls import CallNeed
from tests.contracts.needs import instant
from tests.support.platform import Platform

OCCURRED = "2026-01-05T10:00:00Z"
_LINE = {"line_id": "1", "sku": "tea", "quantity": 2, "net_minor": 12_000}
_QUOTE = {"currency": "CNY", "channel": "web", "lines": [_LINE]}


def _nothing(_platform: Platform) -> Mapping[str, Any]:
    return {}


CHECKOUT_CALLS = (
    CallNeed(
        points.QUOTE_SALE,
        "no rule is published",
        ("POST", "/v1/quotes", _QUOTE),
        {
            "currency": "CNY",
            "member_id": None,
            "store_id": None,
            "channel": "web",
            "points_to_redeem": 0,
            "lines": [{**_LINE, "discount_minor": 0}],
        },
        {
            "totals": {
                "gross_minor": match.int(12_000),
                "discount_minor": match.int(0),
                "points_minor": match.int(0),
                "payable_minor": match.int(12_000),
            },
            "lines": match.each_like({"points_minor": match.int(0)}, min=1),
            "points": {"earned": match.int(0), "pending": match.int(0), "available_on": None},
            "explain": [],
            "judged_by": {
                "at": instant(OCCURRED),
                "tier": None,
                "multiplier": match.like("1"),
                "rules": [],
            },
        },
        _nothing,
    ),
)
