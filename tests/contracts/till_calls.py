"""What the gateway needs of points for tills' offline work and for claims; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pact import match

from shared.contracts.points import rpc as points
from tests.contracts import calls
from tests.contracts.calls import CallNeed
from tests.contracts.needs import MEMBER, uuid
from tests.contracts.states import PHONE, enrol, sale, till
from tests.support.platform import Platform

_CLAIM = {"receipt_code": "2345", "member": {"type": "phone", "value": PHONE}}
_BALANCES = {"available": match.int(120), "pending": match.int(0)}


def _sold_to_nobody(platform: Platform) -> Mapping[str, Any]:
    member_id = enrol(platform)
    platform.settle()
    anonymous = {**sale(platform, "sale-1", net_minor=12_000), "member": None}
    answer = till(platform).post("/v1/sales", anonymous)
    return {"member_id": member_id, "receipt_code": answer["receipt_code"]}


def _number_skipped(platform: Platform) -> Mapping[str, Any]:
    selling = till(platform)
    for number in (1, 3):
        body = {**sale(platform, f"sale-{number}", net_minor=100), "member": None}
        selling.post("/v1/sales", {**body, "terminal_counter": number})
    return {}


def _member(platform: Platform) -> Mapping[str, Any]:
    member_id = enrol(platform)
    platform.settle()
    return {"member_id": member_id}


CALLS = (
    *calls.CALLS,
    CallNeed(
        points.CLAIM_SALE,
        "a sale was recorded without a member",
        ("POST", "/v1/sales/sale-1/claim", _CLAIM),
        {"sale_id": "sale-1", "receipt_code": "2345", "member_id": MEMBER},
        {
            "sale_id": "sale-1",
            "member_id": uuid(),
            "points": {"earned": match.int(120), "not_earned": match.int(0)},
            "balances": _BALANCES,
        },
        _sold_to_nobody,
    ),
    CallNeed(
        points.LIST_POS_EXCEPTIONS,
        "a terminal skipped a number",
        ("GET", "/v1/pos/exceptions", None),
        {"limit": 50},
        {
            "items": match.each_like(
                {
                    "exception_id": uuid(),
                    "kind": match.like("counter_gap"),
                    "status": match.like("open"),
                    "counters": {"first": match.int(2), "last": match.int(2)},
                },
                min=1,
            ),
            "next": None,
        },
        _number_skipped,
    ),
)
