"""What the gateway needs of points to look into the ledger and to undo; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pact import match

from shared.contracts.points import adjustments, holds, transfers
from shared.contracts.points import rpc as points
from tests.contracts.calls import CallNeed
from tests.contracts.needs import MEMBER, instant, uuid
from tests.contracts.states import PHONE, enrol, sale, till
from tests.support.platform import Platform

_AT = "2026-01-05T10:00:00Z"
_PAGE = {"limit": 50, "after": None}
_RULE = {"name": "Twice", "kind": "multiplier", "value": "2"}
_CANCEL = {"reason_code": "price_change", "merchant_fault": True}
_LINE = {"line_id": "1", "sku": "tea", "quantity": 2, "net_minor": 12_000}
_SALE = {
    "sale_id": "sale-2",
    "occurred_at": _AT,
    "currency": "CNY",
    "member": {"type": "phone", "value": PHONE},
    "lines": [_LINE],
}

_HOLD = {
    "hold_id": uuid(),
    "member_id": uuid(),
    "points": match.int(50),
    "status": "held",
    "expires_at": instant(_AT),
}
_ADJUSTMENT = {
    "adjustment_id": uuid(),
    "member_id": uuid(),
    "points": match.int(30),
    "reason_code": match.like("goodwill"),
    "status": "approved",
    "requested_by": match.like("staff:maya"),
}
_TRANSFER = {
    "transfer_id": uuid(),
    "from_member_id": uuid(),
    "to_member_id": uuid(),
    "points": match.int(20),
}
_RULE_SHOWN = {"rule_id": uuid(), "status": "draft", "version": 0, **_RULE}


def _page(item: Any) -> dict[str, Any]:
    return {"items": match.each_like(item, min=1), "next": None}


def _moved(platform: Platform) -> Mapping[str, Any]:
    """Let a member buy, and its points be held, adjusted and given away."""
    member_id = enrol(platform)
    other = {"phone": "+8613800138001", "channel": "store"}
    taker = till(platform).post("/v1/members", other)["member_id"]
    platform.settle()
    selling, support = till(platform), platform.staff("support")
    selling.post("/v1/sales", sale(platform, "sale-1", net_minor=12_000))
    hold = {"member_id": member_id, "points": 50, "order_id": "order-1"}
    given = {"member_id": member_id, "points": 30, "reason_code": "goodwill", "note": "Late."}
    passed = {"from_member_id": member_id, "to_member_id": taker, "points": 20}
    return {
        "member_id": member_id,
        "occurred_at": sale(platform, "x", net_minor=1)["occurred_at"],
        "hold_id": selling.post("/v1/points/holds", hold)["hold_id"],
        "adjustment_id": support.post("/v1/points/adjustments", given)["adjustment_id"],
        "transfer_id": support.post("/v1/points/transfers", passed)["transfer_id"],
    }


def _batch(platform: Platform) -> Mapping[str, Any]:
    found = _moved(platform)
    own = {name: found[name] for name in ("member_id", "occurred_at")}
    return {"sales": [{**_COMMAND, **own}]}


def _written(platform: Platform) -> Mapping[str, Any]:
    made = platform.staff("marketing").post("/v1/earning-rules", _RULE)
    return {"rule_id": made["rule_id"]}


def _published(platform: Platform) -> Mapping[str, Any]:
    found = _written(platform)
    marketing = platform.staff("marketing")
    marketing.post(f"/v1/earning-rules/{found['rule_id']}/publish", status=200)
    return found


_COMMAND = {**{k: v for k, v in _SALE.items() if k != "member"}, "member_id": MEMBER}
_MOVED = "points were earned, held, adjusted and given away"


def _need(
    method: Any, http: tuple[str, str, Any], request: Mapping[str, Any], answer: Any, *takes: str
) -> CallNeed:
    return CallNeed(method, _MOVED, http, request, answer, _moved, takes=takes)


LEDGER_CALLS = (
    _need(
        points.GET_SALE,
        ("GET", "/v1/sales/sale-1", None),
        {"sale_id": "sale-1"},
        {
            "sale_id": "sale-1",
            "status": match.like("recorded"),
            "member_id": uuid(),
            "occurred_at": instant(_AT),
            "totals": {"payable_minor": match.int(12_000)},
            "refunded_minor": match.int(0),
        },
    ),
    _need(
        points.CANCEL_SALE,
        ("POST", "/v1/sales/sale-1/cancel", _CANCEL),
        {"sale_id": "sale-1", **_CANCEL},
        {"points": {"clawed_back": match.int(50)}, "refund": {"money_minor": match.int(12_000)}},
    ),
    CallNeed(
        points.RECORD_SALES,
        _MOVED,
        ("POST", "/v1/sales/batch", {"sales": [_SALE]}),
        {},
        {"results": match.each_like({"sale_id": "sale-2", "status": match.like("created")}, min=1)},
        _batch,
    ),
    _need(
        points.TRANSACTIONS,
        ("GET", f"/v1/members/{MEMBER}/points/transactions", None),
        {"member_id": MEMBER, **_PAGE},
        _page(
            {
                "id": uuid(),
                "type": match.like("award"),
                "points": match.int(120),
                "balance_after": match.int(120),
                "occurred_at": instant(_AT),
            }
        ),
        "member_id",
    ),
    _need(
        points.VERIFY,
        ("POST", "/v1/points/verify", {}),
        {},
        {"ok": True, "accounts_checked": match.int(2), "drift": []},
    ),
    _need(
        holds.GET,
        ("GET", f"/v1/points/holds/{MEMBER}", None),
        {"hold_id": MEMBER},
        _HOLD,
        "hold_id",
    ),
    _need(holds.LIST, ("GET", "/v1/points/holds", None), _PAGE, _page(_HOLD)),
    _need(
        holds.RELEASE,
        ("POST", f"/v1/points/holds/{MEMBER}/release", {}),
        {"hold_id": MEMBER},
        {**_HOLD, "status": "released"},
        "hold_id",
    ),
    _need(
        adjustments.GET,
        ("GET", f"/v1/points/adjustments/{MEMBER}", None),
        {"adjustment_id": MEMBER},
        _ADJUSTMENT,
        "adjustment_id",
    ),
    _need(adjustments.LIST, ("GET", "/v1/points/adjustments", None), _PAGE, _page(_ADJUSTMENT)),
    _need(
        transfers.GET,
        ("GET", f"/v1/points/transfers/{MEMBER}", None),
        {"transfer_id": MEMBER},
        _TRANSFER,
        "transfer_id",
    ),
    _need(transfers.LIST, ("GET", "/v1/points/transfers", None), _PAGE, _page(_TRANSFER)),
    CallNeed(
        points.RULE,
        "a rule is written",
        ("GET", f"/v1/earning-rules/{MEMBER}", None),
        {"rule_id": MEMBER},
        _RULE_SHOWN,
        _written,
    ),
    CallNeed(
        points.RULES,
        "a rule is written",
        ("GET", "/v1/earning-rules", None),
        _PAGE,
        _page(_RULE_SHOWN),
        _written,
        takes=(),
    ),
    CallNeed(
        points.AMEND_RULE,
        "a rule is written",
        ("PATCH", f"/v1/earning-rules/{MEMBER}", {"name": "Double"}),
        {"rule_id": MEMBER, "name": "Double"},
        {**_RULE_SHOWN, "name": "Double"},
        _written,
    ),
    CallNeed(
        points.RETIRE_RULE,
        "a rule is published",
        ("POST", f"/v1/earning-rules/{MEMBER}/retire", {}),
        {"rule_id": MEMBER},
        {**_RULE_SHOWN, "status": "retired", "version": match.int(1)},
        _published,
    ),
)
