"""The audit trail over HTTP: which actions leave a row, and who may read it (I4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.platform import ADMIN_PASSWORD, Person, Platform

STORE = {"store_id": "s-9", "name": "Nanjing Road", "time_zone": "Asia/Shanghai"}
PHONE = "+8613800138000"


def noted(auditor: Person, **wanted: str) -> list[tuple[str, str]]:
    """Return actions and targets, oldest first."""
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    rows = auditor.get(f"/v1/audit?limit=200&{query}")["items"][::-1]
    return [(row["action"], row["target"]["id"]) for row in rows]


@pytest.mark.rule("I4")
def test_what_admins_do_is_noted_without_names_and_secrets(platform: Platform) -> None:
    admin, auditor = platform.admin(), platform.staff("auditor")
    new = {"username": "li.na", "password": ADMIN_PASSWORD, "roles": ["support"]}
    staff = admin.post("/v1/staff", new)["staff_id"]
    admin.request("PATCH", f"/v1/staff/{staff}", {"roles": ["auditor"], "password": "x" * 12})
    admin.post("/v1/stores", STORE)
    admin.request("PATCH", "/v1/stores/s-9", {"active": False})
    admin.post("/v1/terminals", {"terminal_id": "t-9", "store_id": "s-9"})
    admin.post("/v1/terminals/t-9/rotate", {}, status=200)
    admin.request("DELETE", "/v1/terminals/t-9")
    client = admin.post("/v1/clients", {"name": "Web", "role": "shop"})["client_id"]
    admin.request("PATCH", f"/v1/clients/{client}", {"name": "App"})
    admin.post(f"/v1/clients/{client}/rotate", {}, status=200)
    rows = auditor.get("/v1/audit?limit=200&service=identity")["items"][::-1]
    found = [(row["action"], row["target"]["id"]) for row in rows]
    assert found[-10:] == [
        ("staff.create", staff),
        ("staff.update", staff),
        ("store.create", "s-9"),
        ("store.update", "s-9"),
        ("terminal.create", "t-9"),
        ("terminal.rotate", "t-9"),
        ("terminal.update", "t-9"),
        ("client.create", client),
        ("client.update", client),
        ("client.rotate", client),
    ]
    changed = rows[-9]
    assert changed["before"] == {"roles": ["support"]}
    assert changed["after"] == {"roles": ["auditor"], "changed": ["password"]}
    assert changed["actor"]["kind"] == "staff"
    assert not any(word in str(rows) for word in ("li.na", ADMIN_PASSWORD, "lcs"))


@pytest.mark.rule("I4")
def test_what_staff_does_to_members_and_campaigns_is_noted_by_field(platform: Platform) -> None:
    auditor = platform.staff("auditor")
    till = platform.terminal()
    member = till.post("/v1/members", {"phone": PHONE, "channel": "store"})["member_id"]
    platform.settle()
    platform.shopper(PHONE).request("PATCH", "/v1/members/me", {"name": "Li"})
    assert noted(auditor, target=member) == []
    support = platform.staff("support")
    support.request("PATCH", f"/v1/members/{member}", {"name": "Li Lei"})
    support.post(f"/v1/members/{member}/freeze", {"reason": "asked for it"}, status=200)
    row, edit = auditor.get(f"/v1/audit?target=member:{member}")["items"]
    assert (edit["action"], edit["after"]) == ("member.update", {"changed": ["name"]})
    assert (row["before"], row["after"]) == ({"status": "active"}, {"status": "frozen"})
    marketing = platform.staff("marketing")
    campaign = marketing.post("/v1/campaigns", _campaign())["campaign_id"]
    marketing.post(f"/v1/campaigns/{campaign}/publish", status=200)
    marketing.post(f"/v1/campaigns/{campaign}/issue", {"member_ids": [member]})
    marketing.post(f"/v1/campaigns/{campaign}/pause", status=200)
    assert [action for action, _ in noted(auditor, target=f"campaign:{campaign}")] == [
        "campaign.create",
        "campaign.publish",
        "coupon.issue",
        "campaign.pause",
    ]
    assert "Li Lei" not in str(auditor.get("/v1/audit?limit=200"))


@pytest.mark.rule("I4")
def test_refused_and_repeated_requests_leave_no_further_row(platform: Platform) -> None:
    admin, auditor = platform.admin(), platform.staff("auditor")
    for _ in range(2):
        admin.post("/v1/stores", STORE, key="k-1")
    admin.post("/v1/stores", STORE, status=409)
    assert noted(auditor, target="store:s-9") == [("store.create", "s-9")]


@pytest.mark.rule("I4")
def test_auditor_proves_all_trails_and_hears_of_the_first_broken_row(platform: Platform) -> None:
    platform.admin().post("/v1/stores", STORE)
    auditor = platform.staff("auditor")
    whole = auditor.get("/v1/audit/verify")
    assert whole["ok"] is True
    assert len(whole["services"]) == 5
    (row,) = auditor.get("/v1/audit?target=store:s-9")["items"]
    platform.databases["identity"].query(
        "SET LOCAL session_replication_role = replica;"
        " UPDATE audit SET actor_id = 'nobody' WHERE target_id = 's-9'"
    )
    found = auditor.get("/v1/audit/verify")
    broken = {each["service"]: each["broken"] for each in found["services"] if not each["ok"]}
    assert found["ok"] is False
    assert broken.keys() == {"identity"}
    assert broken["identity"]["audit_id"] == row["audit_id"]


@pytest.mark.rule("I4")
@pytest.mark.parametrize("path", ["/v1/audit", "/v1/audit/verify"])
def test_only_auditors_read_the_trail(platform: Platform, path: str) -> None:
    for person in (platform.admin(), platform.staff("manager"), platform.shop()):
        assert person.request("GET", path)[0] == 403


def test_trail_is_listed_by_time(platform: Platform) -> None:
    admin, auditor = platform.admin(), platform.staff("auditor")
    admin.post("/v1/stores", STORE)
    (row,) = auditor.get("/v1/audit?action=store.create")["items"]
    assert noted(auditor, **{"action": "store.create", "from": row["at"]})
    assert not noted(auditor, action="store.create", until=row["at"])


def _campaign() -> dict[str, Any]:
    return {
        "name": "Welcome",
        "kind": "amount_off",
        "value": 500,
        "validity": {"days_after_issue": 30},
        "code": {"type": "unique"},
    }
