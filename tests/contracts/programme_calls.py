"""What the gateway needs of points to report what is owed and how long it lasts; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from pact import match

from shared.calls import Actor
from shared.clock import rfc3339
from shared.contracts.points import expiry, liability, proofs, statements
from tests.contracts.calls import CallNeed
from tests.contracts.needs import MEMBER, instant, uuid
from tests.contracts.states import rich_member
from tests.support.platform import Platform

_MANAGER = Actor("staff", "maya", ("manager",))
_AT = "2026-01-05T10:00:00Z"
_ZONE = ZoneInfo("Asia/Shanghai")
_PAGE = {"limit": 50, "after": None}
_DRAFT = {"months": 24, "round_to": "year_end", "effective_from": _AT}
_CHANGE = {
    "change_id": uuid(),
    "months": match.int(24),
    "round_to": match.like("year_end"),
    "effective_from": instant(_AT),
    "previous": {"months": match.int(12), "round_to": match.like("month_end")},
    "shortens": match.bool(False),
    "existing_lots": {"extended": match.int(0), "finished_at": None},
}
_ENTRY = {
    "id": uuid(),
    "type": match.like("earn"),
    "points": match.int(120),
    "balance_after": match.int(120),
    "reason_code": None,
    "posted_at": instant(_AT),
    "reference": {"kind": match.like("sale"), "id": match.like("sale-1")},
    "lots": match.each_like({"points": match.int(120), "expires_at": instant(_AT)}, min=1),
}
_LAPSE = {
    "points": match.int(120),
    "expires_on": match.like("2027-01-31"),
    "days_left": match.int(365),
}
_STATEMENT = {
    "member_id": uuid(),
    "month": match.like("2026-01"),
    "time_zone": match.like("Asia/Shanghai"),
    "opening_balance": match.int(0),
    "closing_balance": match.int(120),
    "entries": match.int(1),
    "lapses_next": match.each_like(_LAPSE, min=1),
    "items": match.each_like(_ENTRY, min=1),
    "next": None,
    "as_of": instant(_AT),
}
_MONTH = f"/v1/members/{MEMBER}/points/statements/2026-01"


def _announced(platform: Platform) -> Mapping[str, Any]:
    draft = {**_DRAFT, "effective_from": rfc3339(platform.now())}
    made = platform.staff("manager").post("/v1/points/expiry-changes", draft)
    return {"change_id": made["change_id"]}


def _bought(platform: Platform) -> Mapping[str, Any]:
    bought_at = platform.now().astimezone(_ZONE)
    return {"member_id": rich_member(platform), "month": f"{bought_at:%Y-%m}"}


def _statement(form: str, **page: Any) -> CallNeed:
    return CallNeed(
        statements.STATEMENT,
        f"a member bought, and asks for {form}",
        ("GET", f"{_MONTH}?format={form}", None),
        {"member_id": MEMBER, "month": "2026-01", **page},
        _STATEMENT,
        _bought,
    )


PROGRAMME_CALLS = (
    CallNeed(
        expiry.ANNOUNCE_EXPIRY_CHANGE,
        "no other expiry was announced",
        ("POST", "/v1/points/expiry-changes", _DRAFT),
        _DRAFT,
        _CHANGE,
        lambda platform: {"effective_from": rfc3339(platform.now())},
        asking=_MANAGER,
    ),
    CallNeed(
        expiry.EXPIRY_CHANGES,
        "another expiry was announced",
        ("GET", "/v1/points/expiry-changes", None),
        _PAGE,
        {"items": match.each_like(_CHANGE, min=1), "next": None},
        _announced,
        takes=(),
    ),
    CallNeed(
        expiry.EXPIRY_CHANGE,
        "another expiry was announced",
        ("GET", f"/v1/points/expiry-changes/{MEMBER}", None),
        {"change_id": MEMBER},
        _CHANGE,
        _announced,
    ),
    _statement("json", limit=50, after=None),
    _statement("csv", limit=200, after=None),
    _statement("pdf", limit=200, after=None),
    CallNeed(
        liability.LIABILITY,
        "a member bought",
        ("GET", "/v1/points/liability", None),
        {},
        {
            "as_of": instant(_AT),
            "outstanding": match.int(120),
            "cost_minor": match.int(120),
            "forecast_breakage": match.int(0),
            "by_month": match.each_like(
                {"month": match.like("2027-01"), "points": match.int(120)}, min=1
            ),
        },
        _bought,
        takes=(),
    ),
    CallNeed(
        proofs.REBUILD,
        "a member bought",
        ("POST", "/v1/points/rebuild", {}),
        {},
        {"job_id": uuid()},
        _bought,
        takes=(),
    ),
)
