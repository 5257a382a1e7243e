"""Members over HTTP: who may do what, and what each of them sees."""

from __future__ import annotations

from typing import Any

import pytest

from shared.ids import new_id
from tests.support.platform import Person, Platform

PHONE = "+8613800138000"
LI = {
    "phone": PHONE,
    "name": "Li Lei",
    "email": "li.lei@example.com",
    "card_number": "6200 0000 7777",
    "external_ids": [{"system": "webshop", "id": "C-100142"}],
    "channel": "store",
}


def sale(sale_id: str, net_minor: int, platform: Platform) -> dict[str, Any]:
    return {
        "sale_id": sale_id,
        "occurred_at": platform.now().isoformat().replace("+00:00", "Z"),
        "currency": "CNY",
        "member": {"type": "phone", "value": PHONE},
        "lines": [{"line_id": "1", "sku": "A", "quantity": 1, "net_minor": net_minor}],
    }


@pytest.fixture
def till(platform: Platform) -> Person:
    return platform.terminal()


@pytest.mark.rule("M7")
def test_till_enrols_and_sees_masks_while_the_member_sees_itself(
    platform: Platform, till: Person
) -> None:
    made = till.post("/v1/members", LI)
    assert (made["phone"], made["name"], made["masked"]) == ("+86*******8000", "L**", True)
    shopper = platform.shopper(PHONE)
    own = shopper.get("/v1/members/me")
    assert (own["phone"], own["name"], own["masked"]) == (PHONE, "Li Lei", False)
    assert shopper.get(f"/v1/members/{made['member_id']}") == own
    seen = platform.staff("support").get(f"/v1/members/{made['member_id']}")
    assert (seen["email"], seen["card_numbers"]) == ("l***@example.com", ["********7777"])


@pytest.mark.rule("M1")
def test_person_enrols_the_phone_its_code_proved_and_no_other(platform: Platform) -> None:
    person = platform.shopper(PHONE)
    person.get("/v1/members/me", status=404)
    other = person.post("/v1/members", {"phone": "+8613900139000", "channel": "app"}, status=403)
    assert other["code"] == "phone_not_proven"
    made = person.post("/v1/members", {"phone": PHONE, "name": "Han", "channel": "app"})
    assert made["name"] == "Han"
    platform.advance_clock(seconds=31)  # one code per phone and half minute
    assert platform.shopper(PHONE).get("/v1/members/me")["member_id"] == made["member_id"]


@pytest.mark.rule("M1")
def test_second_enrolment_of_a_phone_names_the_conflict(till: Person) -> None:
    till.post("/v1/members", LI)
    problem = till.post("/v1/members", {"phone": "138 0013 8000", "channel": "web"}, status=409)
    assert problem["code"] == "phone_taken"
    assert problem["errors"][0]["field"] == "phone"


@pytest.mark.rule("A3")
def test_repeated_enrolment_gets_the_stored_answer(till: Person) -> None:
    first = till.request("POST", "/v1/members", LI, key="k-1")
    again = till.request("POST", "/v1/members", LI, key="k-1")
    assert (first[0], first[1]) == (201, again[1])
    assert again[2]["Idempotency-Replayed"] == "true"


def test_another_members_id_looks_like_nobodys(platform: Platform, till: Person) -> None:
    till.post("/v1/members", LI)
    other = till.post("/v1/members", {"phone": "+8613900139000", "channel": "store"})["member_id"]
    shopper = platform.shopper(PHONE)
    for path in ("", "/tier", "/tier/history", "/wallet"):
        stranger = shopper.get(f"/v1/members/{other}{path}", status=404)
        nobody = shopper.get(f"/v1/members/{new_id()}{path}", status=404)
        assert stranger["code"] == nobody["code"] == "not_found"
        assert stranger["detail"] == nobody["detail"]
    assert shopper.request("PATCH", f"/v1/members/{other}", {"name": "Mine"})[0] == 404


def test_staff_gets_404_for_ids_of_nobody(platform: Platform) -> None:
    staff = platform.staff("support")
    for member_id in (str(new_id()), "nobody", "me"):
        for path in ("", "/tier", "/tier/history", "/wallet"):
            staff.get(f"/v1/members/{member_id}{path}", status=404)


@pytest.mark.rule("M7")
def test_member_and_support_change_a_profile(platform: Platform, till: Person) -> None:
    member_id = till.post("/v1/members", LI)["member_id"]
    shopper = platform.shopper(PHONE)
    status, body, _ = shopper.request("PATCH", "/v1/members/me", {"name": "Li Da", "email": None})
    assert (status, body["name"], body["email"]) == (200, "Li Da", None)
    support = platform.staff("support")
    status, body, _ = support.request("PATCH", f"/v1/members/{member_id}", {"name": "Wang"})
    assert (status, body["name"]) == (200, "W**")
    assert shopper.get("/v1/members/me")["name"] == "Wang"
    assert platform.staff("auditor").request("PATCH", f"/v1/members/{member_id}", {})[0] == 403
    assert till.request("PATCH", f"/v1/members/{member_id}", {"name": "Till"})[0] == 403


@pytest.mark.rule("M1", "M7")
@pytest.mark.parametrize(
    "reference",
    [
        {"type": "phone", "value": "138-0013-8000"},
        {"type": "email", "value": "LI.LEI@example.com"},
        {"type": "card", "value": "620000007777"},
        {"type": "external", "value": "C-100142", "system": "webshop"},
    ],
)
def test_lookup_recognises_with_tier_and_points(
    platform: Platform, till: Person, reference: dict[str, str]
) -> None:
    member_id = till.post("/v1/members", LI)["member_id"]
    expected = {
        "member_id": member_id,
        "status": "active",
        "name_masked": "L**",
        "phone_masked": "+86*******8000",
    }
    fresh = till.post("/v1/members/lookup", reference, status=200)
    assert fresh == {**expected, "tier": "BRONZE", "points_available": 0}
    platform.settle()
    till.post("/v1/sales", sale("s-1", 100_000, platform))
    platform.settle()
    after = till.post("/v1/members/lookup", reference, status=200)
    assert after == {**expected, "tier": "SILVER", "points_available": 1_000}


def test_lookup_needs_no_idempotency_key_and_a_till(platform: Platform, till: Person) -> None:
    reference = {"type": "phone", "value": PHONE}
    answer = till.client.post(
        "/v1/members/lookup", json=reference, headers={"Authorization": f"Bearer {till.token}"}
    )
    assert (answer.status_code, answer.get_json()["code"]) == (404, "member_not_found")
    till.post("/v1/members", LI)
    platform.shopper(PHONE).post("/v1/members/lookup", reference, status=403)


@pytest.mark.rule("A4")
def test_staff_finds_members_exactly_and_pages_through_them(
    platform: Platform, till: Person
) -> None:
    found = till.post("/v1/members", LI)["member_id"]
    others = [
        till.post("/v1/members", {"phone": f"+861390013900{n}", "channel": "web"})["member_id"]
        for n in range(2)
    ]
    support = platform.staff("support")
    for criterion in (
        "phone=%2B8613800138000", "phone=13800138000", "email=li.lei%40example.com",
        "card_number=6200-0000-7777", "name=li%20lei",
    ):  # fmt: skip
        page = support.get(f"/v1/members?{criterion}")
        assert [item["member_id"] for item in page["items"]] == [found]
        assert page["next_cursor"] is None
    first = support.get("/v1/members?limit=2")
    rest = support.get(f"/v1/members?limit=2&cursor={first['next_cursor']}")
    seen = [item["member_id"] for page in (first, rest) for item in page["items"]]
    assert seen == [*others[::-1], found]
    assert rest["next_cursor"] is None
    support.get("/v1/members?phone=13800138000&name=li", status=422)
    support.get("/v1/members?nickname=li", status=422)
    assert till.request("GET", "/v1/members")[0] == 403


@pytest.mark.rule("M2")
def test_wallet_shows_the_member_its_code_unless_no_till_serves_it(
    platform: Platform, till: Person
) -> None:
    member_id = till.post("/v1/members", LI)["member_id"]
    shopper = platform.shopper(PHONE)
    shown = shopper.get("/v1/members/me/wallet")["code"]
    by_code = {"type": "code", "value": shown["barcode"]}
    found = till.post("/v1/members/lookup", by_code, status=200)
    assert found["member_id"] == member_id
    reason = {"reason": "asked for it"}
    platform.staff("support").post(f"/v1/members/{member_id}/freeze", reason, status=200)
    frozen = shopper.get("/v1/members/me/wallet")
    assert (frozen["member"]["status"], frozen["code"]) == ("frozen", None)


@pytest.mark.rule("T1", "T3", "T8")
def test_wallet_shows_all_in_one_call_before_and_after_a_sale(
    platform: Platform, till: Person
) -> None:
    member_id = till.post("/v1/members", LI)["member_id"]
    shopper = platform.shopper(PHONE)
    fresh = shopper.get("/v1/members/me/wallet")
    assert fresh["tier"]["tier"]["code"] == "BRONZE"
    assert fresh["tier"]["since"] == fresh["member"]["enrolled_at"]
    assert fresh["points"]["balances"]["available"] == 0
    platform.settle()
    till.post("/v1/sales", sale("s-1", 500_000, platform))
    platform.settle()
    wallet = shopper.get("/v1/members/me/wallet")
    assert wallet["member"] == shopper.get("/v1/members/me")
    assert wallet["tier"] == shopper.get("/v1/members/me/tier")
    assert wallet["tier"]["tier"] == {"code": "GOLD", "name": "Gold", "rank": 2}
    assert wallet["points"]["balances"]["available"] == 5_000
    assert (wallet["benefits"], wallet["coupons"], wallet["has_more_coupons"]) == ([], [], False)
    seen = platform.staff("support").get(f"/v1/members/{member_id}/wallet")
    assert (seen["member"]["name"], seen["code"]) == ("L**", None)
    till.post("/v1/sales", sale("s-2", 10_000, platform))
    # GOLD earns 1.25 points a yuan: the event has reached points.
    assert shopper.get("/v1/members/me/wallet")["points"]["balances"]["available"] == 5_125
