"""Tiers given by hand and versions of the programme, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.platform import Platform

PHONE = "+8613800138000"
LEVELS = [
    {"code": "BASIC", "name": "Basic", "rank": 0, "threshold": 0, "multiplier": "1"},
    {"code": "GOLD", "name": "Gold", "rank": 2, "threshold": 100, "multiplier": "1.50"},
]
DRAFT: dict[str, Any] = {
    "name": "Simple",
    "metric": "orders",
    "window": {"type": "calendar_year"},
    "levels": LEVELS,
}


@pytest.fixture
def member_id(platform: Platform) -> str:
    made = platform.terminal().post("/v1/members", {"phone": PHONE, "channel": "store"})
    platform.settle()
    return str(made["member_id"])


@pytest.mark.rule("T4")
def test_managers_give_tiers_and_members_see_them(platform: Platform, member_id: str) -> None:
    maya, noah = platform.staff("manager"), platform.staff("manager")
    path = f"/v1/members/{member_id}/tier/overrides"
    wish = {"tier": "SILVER", "reason": "Kind", "expires_at": "2099-01-01T00:00:00Z"}
    assert platform.staff("support").request("POST", path, wish)[0] == 403
    assert maya.post(path, wish, status=201)["status"] == "approved"
    assert platform.shopper(PHONE).get("/v1/members/me/tier")["source"] == "override"
    asked = maya.post(path, {**wish, "tier": "GOLD"}, status=202)
    one = f"/v1/tier-overrides/{asked['override_id']}"
    assert maya.post(f"{one}/approve", status=422)["code"] == "override_self_approval"
    assert maya.post(path, wish, status=409)["code"] == "override_already_open"
    assert noah.post(f"{one}/approve", status=200)["status"] == "approved"
    assert maya.get(one)["decided_by"] != asked["requested_by"]
    assert noah.post(f"{one}/revoke", {"note": "Enough"}, status=200)["status"] == "revoked"
    listed = maya.get(f"/v1/tier-overrides?member_id={member_id}")["items"]
    assert [item["status"] for item in listed] == ["revoked", "approved"]
    unknown = "/v1/members/0192f3a0-0000-7000-8000-00000000000f/tier/overrides"
    assert maya.post(unknown, wish, status=404)["code"] == "not_found"


@pytest.mark.rule("T5", "T8")
def test_manager_drafts_tries_and_publishes_a_version(platform: Platform, member_id: str) -> None:
    manager = platform.staff("manager")
    made = manager.post("/v1/tier-programmes", DRAFT)
    one = f"/v1/tier-programmes/{made['version']}"
    assert (made["status"], made["review_months"], made["grace_days"]) == ("draft", 12, 30)
    assert made["levels"][1]["multiplier"] == "1.5"
    status, amended, _ = manager.request("PATCH", one, {"name": "Simpler"})
    assert (status, amended["name"]) == (200, "Simpler")
    job = manager.post(f"{one}/simulate", status=202)["job_id"]
    platform.run_jobs()
    assert manager.get(f"/v1/jobs/{job}")["result"]["moves"] == [
        {"when": "at_once", "from_tier": "BRONZE", "to_tier": "BASIC", "members": 1}
    ]
    assert manager.post(f"{one}/publish", status=200)["in_force"] is True
    assert [each["version"] for each in manager.get("/v1/tier-programmes")["items"]] == [
        made["version"],
        1,
    ]
    platform.services["tiers"].due_work()
    platform.settle()
    assert platform.shopper(PHONE).get("/v1/members/me/tier")["tier"]["code"] == "BASIC"
    known = "SELECT tier FROM member_tiers ORDER BY sequence DESC LIMIT 1"
    assert platform.databases["points"].query(known)[0][0] == "BASIC"
    assert manager.request("PATCH", one, {"name": "x"})[0] == 409
    assert platform.staff("marketing").request("POST", "/v1/tier-programmes", DRAFT)[0] == 403
