"""What the gateway needs of coupons to run campaigns; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pact import match

from shared.calls import Actor, CallContext
from shared.contracts.coupons import rpc as coupons
from tests.contracts.calls import CallNeed
from tests.contracts.needs import MEMBER, instant, uuid
from tests.contracts.states import PHONE, enrol, till
from tests.support.platform import Platform

_AT = "2026-01-05T10:00:00Z"
_PAGE = {"limit": 50, "after": None}
_CODE = "ABCD-EFGH-JKMN"
_TERMS = {
    "name": "Five off",
    "kind": "amount_off",
    "value": 500,
    "validity": {"never_expires": True},
}
_NAME = {"name": "Six off"}
_CAMPAIGN = {
    "campaign_id": uuid(),
    "name": match.like("Five off"),
    "kind": "amount_off",
    "value": match.int(500),
    "version": match.int(1),
}
_DRAFT, _RUNNING = {**_CAMPAIGN, "status": "draft"}, {**_CAMPAIGN, "status": "published"}
_COUPON = {
    "coupon_id": uuid(),
    "code": match.like("AB••••YZ"),
    "campaign_id": uuid(),
    "name": match.like("Five off"),
    "kind": "amount_off",
    "status": match.like("active"),
    "valid_from": instant(_AT),
}
_LINE = {
    "code": match.like(_CODE),
    "status": match.like("active"),
    "valid_until": None,
}
_MEMBER = Actor("member", MEMBER)
_ONE = f"/v1/campaigns/{MEMBER}"


def _page(item: Any) -> dict[str, Any]:
    return {"items": match.each_like(item, min=1), "next": None}


def _written(platform: Platform) -> Mapping[str, Any]:
    made = platform.staff("marketing").post("/v1/campaigns", {**_TERMS, "giftable": True})
    return {"campaign_id": made["campaign_id"]}


def _published(platform: Platform) -> Mapping[str, Any]:
    found = _written(platform)
    path = f"/v1/campaigns/{found['campaign_id']}/publish"
    platform.staff("marketing").post(path, status=200)
    return found


def _paused(platform: Platform) -> Mapping[str, Any]:
    found = _published(platform)
    path = f"/v1/campaigns/{found['campaign_id']}/pause"
    platform.staff("marketing").post(path, status=200)
    return found


def _given(platform: Platform) -> Mapping[str, Any]:
    """Give a coupon to a member."""
    found = _published(platform)
    member_id = enrol(platform)
    platform.settle()
    path = f"/v1/campaigns/{found['campaign_id']}/issue"
    platform.staff("marketing").post(path, {"member_ids": [member_id]})
    wallet = platform.staff("support").get(f"/v1/members/{member_id}/coupons")["items"]
    coupon_id = wallet[0]["coupon_id"]
    return {**found, "member_id": member_id, "coupon_id": coupon_id, "code": coupon_id}


def _to_issue(platform: Platform) -> Mapping[str, Any]:
    found = _given(platform)
    return {"campaign_id": found["campaign_id"], "member_ids": [found["member_id"]]}


def _to_claim(platform: Platform) -> Mapping[str, Any]:
    found = _published(platform)
    member_id = enrol(platform)
    platform.settle()
    return {**found, "member_id": member_id}


def _to_gift(platform: Platform) -> Mapping[str, Any]:
    """Let a member claim a coupon who knows another member."""
    claim = _to_claim(platform)
    other = {"phone": "+8613800138001", "channel": "store"}
    receiver_id = till(platform).post("/v1/members", other)["member_id"]
    platform.settle()
    coupon = platform.backend.call(coupons.CLAIM, claim, CallContext("r-0")).body
    return {
        "code": coupon["code"],
        "member_id": claim["member_id"],
        "receiver_id": receiver_id,
    }


def _pooled(platform: Platform) -> Mapping[str, Any]:
    """Have two codes made ahead."""
    found = _published(platform)
    order = {**found, "count": 2}
    platform.backend.call(coupons.START_CODES, order, CallContext("r-0"))
    platform.run_jobs()
    return found


def _exported(state: str, after: int, items: Any, following: Any) -> CallNeed:
    return CallNeed(
        coupons.EXPORT_CODES,
        f"codes were made ahead, and {state}",
        ("GET", f"{_ONE}/codes.csv", None),
        {"campaign_id": MEMBER, "after": after},
        {"items": items, "next": following},
        _pooled,
    )


def _move(method: Any, act: str, before: str, arrange: Any, status: str) -> CallNeed:
    return CallNeed(
        method,
        before,
        ("POST", f"{_ONE}/{act}", {}),
        {"campaign_id": MEMBER},
        {**_CAMPAIGN, "status": status},
        arrange,
    )


CAMPAIGN_CALLS = (
    CallNeed(
        coupons.CREATE_CAMPAIGN,
        "no campaign is written",
        ("POST", "/v1/campaigns", _TERMS),
        _TERMS,
        _DRAFT,
        lambda _platform: {},
    ),
    CallNeed(
        coupons.CAMPAIGN,
        "a campaign is written",
        ("GET", _ONE, None),
        {"campaign_id": MEMBER},
        _DRAFT,
        _written,
    ),
    CallNeed(
        coupons.CAMPAIGNS,
        "a campaign is written",
        ("GET", "/v1/campaigns", None),
        {"status": None, **_PAGE},
        _page(_DRAFT),
        _written,
        takes=(),
    ),
    CallNeed(
        coupons.PREVIEW_CAMPAIGN,
        "a campaign is written",
        ("GET", f"{_ONE}/preview", None),
        {"campaign_id": MEMBER},
        {"headline": match.like("5.00 CNY off"), "name": "Five off"},
        _written,
    ),
    CallNeed(
        coupons.AMEND_CAMPAIGN,
        "a campaign is written",
        ("PATCH", _ONE, _NAME),
        {"campaign_id": MEMBER, **_NAME},
        {**_DRAFT, **_NAME},
        _written,
    ),
    _move(coupons.PUBLISH_CAMPAIGN, "publish", "a campaign is written", _written, "published"),
    _move(coupons.PAUSE_CAMPAIGN, "pause", "a campaign runs", _published, "paused"),
    _move(coupons.RESUME_CAMPAIGN, "resume", "a campaign is paused", _paused, "published"),
    _move(coupons.ARCHIVE_CAMPAIGN, "archive", "a campaign runs", _published, "archived"),
    CallNeed(
        coupons.CAMPAIGN_VERSIONS,
        "a campaign runs",
        ("GET", f"{_ONE}/versions", None),
        {"campaign_id": MEMBER, **_PAGE},
        _page({"version": match.int(1), "published_at": instant(_AT)}),
        _published,
    ),
    CallNeed(
        coupons.ISSUE,
        "a member has a coupon",
        ("POST", f"{_ONE}/issue", {"member_ids": [MEMBER]}),
        {"campaign_id": MEMBER, "member_ids": [MEMBER]},
        {"items": match.each_like({"member_id": uuid()}, min=1), "rejected": []},
        _to_issue,
    ),
    CallNeed(
        coupons.HISTORY,
        "a member has a coupon",
        ("GET", f"/v1/members/{MEMBER}/coupons/{MEMBER}/history", None),
        {"member_id": MEMBER, "coupon_id": MEMBER, **_PAGE},
        _page(
            {"to_status": match.like("active"), "cause": match.like("issue"), "at": instant(_AT)}
        ),
        _given,
        takes=("member_id", "coupon_id"),
    ),
    CallNeed(
        coupons.VOID,
        "a member has a coupon",
        ("POST", f"/v1/coupons/{MEMBER}/void", {"reason": "Printed twice"}),
        {"code": MEMBER, "reason": "Printed twice"},
        {"coupon_id": uuid(), "status": match.like("voided")},
        _given,
        takes=("code",),
    ),
    CallNeed(
        coupons.REVISE_CAMPAIGN,
        "a campaign runs",
        ("POST", f"{_ONE}/versions", _NAME),
        {"campaign_id": MEMBER, **_NAME},
        {**_RUNNING, **_NAME, "version": match.int(2)},
        _published,
    ),
    CallNeed(
        coupons.CLAIM,
        "a member may claim a coupon",
        ("POST", f"{_ONE}/claims", {}),
        {"campaign_id": MEMBER, "member_id": MEMBER},
        _COUPON,
        _to_claim,
        asking=_MEMBER,
    ),
    CallNeed(
        coupons.GIFT,
        "a member has a coupon and a friend",
        ("POST", f"/v1/coupons/{_CODE}/gift", {"to": {"type": "phone", "value": PHONE}}),
        {"code": _CODE, "member_id": MEMBER, "receiver_id": MEMBER, "message": None},
        {"coupon_id": uuid(), "status": "gifted"},
        _to_gift,
        asking=_MEMBER,
    ),
    CallNeed(
        coupons.START_CODES,
        "a campaign runs",
        ("POST", f"{_ONE}/codes", {"count": 2}),
        {"campaign_id": MEMBER, "count": 2},
        {"job_id": uuid()},
        _published,
    ),
    _exported("none has arrived", 0, match.each_like(_LINE, min=1), match.int(2)),
    _exported("all have arrived", 2, [], None),
)
