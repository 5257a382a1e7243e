"""Identifiers, consents and standing over HTTP, and what the others make of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.platform import Person, Platform

PHONE, OTHER_PHONE = "+8613800138000", "+8613900139000"


@pytest.fixture
def till(platform: Platform) -> Person:
    return platform.terminal()


@pytest.fixture
def li(platform: Platform, till: Person) -> str:
    made = till.post(
        "/v1/members", {"phone": PHONE, "channel": "store", "card_number": "6200 0000 1111"}
    )
    platform.settle()
    return str(made["member_id"])


def sale(platform: Platform, sale_id: str, **member: str) -> dict[str, Any]:
    return {
        "sale_id": sale_id,
        "occurred_at": platform.now().isoformat().replace("+00:00", "Z"),
        "currency": "CNY",
        "member": member or {"type": "phone", "value": PHONE},
        "lines": [{"line_id": "1", "sku": "A", "quantity": 1, "net_minor": 10_000}],
    }


@pytest.mark.rule("M1")
def test_points_follow_the_member_from_card_to_card(
    platform: Platform, till: Person, li: str
) -> None:
    till.post("/v1/sales", sale(platform, "s-1", type="card", value="620000001111"))
    shopper = platform.shopper(PHONE)
    new = {"card_number": "6200 0000 2222", "replaces": "6200 0000 1111"}
    assert shopper.post("/v1/members/me/cards", new)["card_numbers"] == ["620000002222"]
    sold = till.post("/v1/sales", sale(platform, "s-2", type="card", value="620000002222"))
    assert (sold["member_id"], sold["balances"]["available"]) == (li, 200)
    lost = till.post(
        "/v1/sales", sale(platform, "s-3", type="card", value="620000001111"), status=422
    )
    assert lost["code"] == "unknown_member"


@pytest.mark.rule("M4")
def test_card_number_in_a_path_is_not_stored(platform: Platform, li: str) -> None:
    support = platform.staff("support")
    path = f"/v1/members/{li}/cards/620000001111"
    status, body, _ = support.request("DELETE", path, {"reason": "Lost."}, key="k-1")
    assert (status, body["card_numbers"]) == (200, [])
    assert support.request("DELETE", path, {"reason": "Lost."}, key="k-1")[2][
        "Idempotency-Replayed"
    ]
    routes = platform.databases["members"].query("SELECT route FROM idempotency")
    assert routes
    assert not any("620000001111" in row.route for row in routes)


@pytest.mark.rule("M1")
def test_member_moves_to_a_phone_that_a_code_has_proved(platform: Platform, li: str) -> None:
    shopper, holder = platform.shopper(PHONE), platform.shopper(OTHER_PHONE)
    change: dict[str, Any] = {"phone": OTHER_PHONE}
    status, body, _ = shopper.request("PATCH", "/v1/members/me", change)
    assert (status, body["code"]) == (403, "phone_not_proven")
    status, body, _ = shopper.request("PATCH", "/v1/members/me", {**change, "phone_token": "a.b"})
    assert (status, body["errors"][0]["field"]) == (422, "phone_token")
    status, body, _ = shopper.request(
        "PATCH", "/v1/members/me", {**change, "phone_token": holder.token}
    )
    assert (status, body["phone"]) == (200, OTHER_PHONE)
    platform.advance_clock(seconds=31)  # one code per phone and half minute
    assert platform.shopper(OTHER_PHONE).get("/v1/members/me")["member_id"] == li


@pytest.mark.rule("M1")
def test_shop_links_its_customer_and_a_person_cannot(platform: Platform, li: str) -> None:
    openid = {"system": "wechat", "id": "o-123456"}
    shopper, shop = platform.shopper(PHONE), platform.shop()
    shopper.post("/v1/members/me/external-ids", openid, status=403)
    shop.post(f"/v1/members/{li}/external-ids", openid)
    found = shop.post(
        "/v1/members/lookup",
        {"type": "external", "value": "o-123456", "system": "wechat"},
        status=200,
    )
    assert found["member_id"] == li
    status, body, _ = shopper.request("DELETE", "/v1/members/me/external-ids", openid)
    assert (status, body["external_ids"]) == (200, [])


@pytest.mark.rule("M5")
def test_member_withdraws_and_sees_what_it_had_granted(platform: Platform, li: str) -> None:
    shopper = platform.shopper(PHONE)
    consent = {"purpose": "marketing", "channel": "sms", "policy_version": "2026-01"}
    for granted in (True, False):
        status, body, _ = shopper.request(
            "PUT", "/v1/members/me/consents", {"consents": [{**consent, "granted": granted}]}
        )
        assert (status, body["consents"][0]["granted"]) == (200, granted)
    items = shopper.get("/v1/members/me/consents/history")["items"]
    assert [item["granted"] for item in items] == [False, True]
    assert shopper.get("/v1/members/me")["consents"][0]["granted"] is False


def test_frozen_account_neither_earns_nor_claims_until_unfrozen(
    platform: Platform, till: Person, li: str
) -> None:
    support, reason = platform.staff("support"), {"reason": "Reported stolen."}
    frozen = support.post(f"/v1/members/{li}/freeze", reason, status=200)
    assert frozen["status"] == "frozen"
    by_id = sale(platform, "s-1", type="member_id", value=li)
    assert till.post("/v1/sales", by_id, status=422)["code"] == "account_frozen"
    platform.settle()
    for service in ("points", "coupons"):
        row = platform.databases[service].query("SELECT status FROM members")[0]
        assert row.status == "frozen"
    support.post(f"/v1/members/{li}/unfreeze", reason, status=200)
    platform.settle()
    assert till.post("/v1/sales", by_id)["points"]["earned"] == 100
    seen = support.get(f"/v1/members/{li}/standing")["items"]
    assert [item["status"] for item in seen] == ["active", "frozen"]


def test_only_staff_that_may_changes_an_accounts_standing(
    platform: Platform, till: Person, li: str
) -> None:
    for person in (platform.shopper(PHONE), till, platform.staff("marketing"), platform.admin()):
        problem = person.post(f"/v1/members/{li}/freeze", {"reason": "No."}, status=403)
        assert problem["code"] == "forbidden"


@pytest.mark.rule("M7", "I4")
def test_staff_sees_a_field_for_a_purpose_and_the_auditor_sees_that_it_did(
    platform: Platform, li: str
) -> None:
    support = platform.staff("support")
    asked = {"fields": ["phone", "card_numbers"], "purpose": "Call back about a complaint."}
    seen = support.post(f"/v1/members/{li}/unmask", asked, status=200)
    assert seen["values"] == {"phone": PHONE, "card_numbers": ["620000001111"]}
    support.post(f"/v1/members/{li}/unmask", {**asked, "purpose": ""}, status=422)
    support.post(f"/v1/members/{li}/unmask", {**asked, "fields": ["status"]}, status=422)
    for person in (platform.staff("auditor"), platform.staff("marketing"), platform.shopper(PHONE)):
        person.post(f"/v1/members/{li}/unmask", asked, status=403)
    rows = platform.staff("auditor").get("/v1/audit?action=member.unmask")["items"]
    assert [(row["target"]["id"], row["after"], row["reason"]) for row in rows] == [
        (li, {"fields": ["card_numbers", "phone"]}, "Call back about a complaint.")
    ]
    stored = platform.databases["members"].query("SELECT route FROM idempotency")
    assert not any("unmask" in row.route for row in stored)
