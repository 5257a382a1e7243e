"""Adjustments and transfers over HTTP: who may, and what callers get to know."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support.platform import Person, Platform

PHONES = ("+8613800138000", "+8613800138001")


@pytest.fixture
def members(platform: Platform) -> list[str]:
    """Return two members of whom points has not heard yet."""
    till = platform.terminal()
    made = [till.post("/v1/members", {"phone": phone, "channel": "store"}) for phone in PHONES]
    return [str(member["member_id"]) for member in made]


def adjustment(member_id: str, points: int) -> dict[str, object]:
    note = {"reason_code": "complaint", "note": "Late."}
    return {"member_id": member_id, "points": points, **note}


def available(shopper: Person) -> int:
    return int(shopper.get("/v1/members/me/points")["balances"]["available"])


@pytest.mark.rule("L9")
def test_large_adjustment_goes_through_two_managers(platform: Platform, members: list[str]) -> None:
    anna, bert, shopper = (*(platform.staff("manager") for _ in "ab"), platform.shopper(PHONES[0]))
    asked = anna.post("/v1/points/adjustments", adjustment(members[0], 10_001), status=202)
    path = f"/v1/points/adjustments/{asked['adjustment_id']}"
    assert anna.post(f"{path}/approve", status=403)["code"] == "own_adjustment"
    assert available(shopper) == 0
    waiting = bert.get("/v1/points/adjustments?status=pending_approval")["items"]
    assert waiting == [asked]
    done = bert.post(f"{path}/approve", status=200)
    assert (done["status"], bert.get(path)) == ("approved", done)
    assert available(shopper) == 10_001
    assert bert.post(f"{path}/reject", status=409)["code"] == "adjustment_decided"


@pytest.mark.rule("L9")
def test_support_adjusts_little_and_approves_nothing(
    platform: Platform, members: list[str]
) -> None:
    support = platform.staff("support")
    refused = support.post("/v1/points/adjustments", adjustment(members[0], 1_001), status=403)
    assert (refused["code"], refused["maximum"]) == ("adjustment_above_role", 1_000)
    made = support.post("/v1/points/adjustments", adjustment(members[0], 1_000))
    path = f"/v1/points/adjustments/{made['adjustment_id']}"
    assert support.request("POST", f"{path}/approve", {})[0] == 403
    for person in (platform.staff("marketing"), platform.shop(), platform.shopper(PHONES[0])):
        body = adjustment(members[0], 1)
        assert person.request("POST", "/v1/points/adjustments", body)[0] == 403
    unknown = adjustment(str(uuid4()), 1)
    assert support.post("/v1/points/adjustments", unknown, status=422)["code"] == "unknown_member"


@pytest.mark.parametrize(
    ("field", "value"),
    [("points", 0), ("points", 10**13), ("note", ""), ("reason_code", "bribe"), ("extra", 1)],
)
def test_adjustment_with_a_wrong_field_is_refused(
    platform: Platform, members: list[str], field: str, value: object
) -> None:
    body = {**adjustment(members[0], 5), field: value}
    refused = platform.staff("manager").post("/v1/points/adjustments", body, status=422)
    assert {error["field"] for error in refused["errors"]} == {field}


@pytest.mark.rule("L10")
def test_member_gives_from_itself_only(platform: Platform, members: list[str]) -> None:
    manager, giver, taker = platform.staff("manager"), *map(platform.shopper, PHONES)
    manager.post("/v1/points/adjustments", adjustment(members[0], 500))
    gift = {"from_member_id": members[0], "to_member_id": members[1], "points": 200, "note": "Hi"}
    assert taker.request("POST", "/v1/points/transfers", gift)[0] == 404
    made = giver.post("/v1/points/transfers", gift)
    assert (available(giver), available(taker)) == (300, 200)
    path = f"/v1/points/transfers/{made['transfer_id']}"
    assert giver.request("GET", path)[0] == 403
    support = platform.staff("support")
    assert support.get(path) == made
    assert support.get(f"/v1/points/transfers?member_id={members[1]}")["items"] == [made]
    support.post("/v1/points/transfers", {**gift, "points": 300})
    assert (available(giver), available(taker)) == (0, 500)
    for person in (platform.staff("marketing"), platform.shop()):
        assert person.request("POST", "/v1/points/transfers", gift)[0] == 403


@pytest.mark.rule("L10")
def test_transfer_to_nobody_or_oneself_is_refused(platform: Platform, members: list[str]) -> None:
    giver = platform.shopper(PHONES[0])
    gift = {"from_member_id": members[0], "to_member_id": str(uuid4()), "points": 1}
    assert giver.post("/v1/points/transfers", gift, status=422)["code"] == "unknown_member"
    gift["to_member_id"] = members[0]
    assert giver.post("/v1/points/transfers", gift, status=422)["code"] == "validation_failed"
    gift["to_member_id"] = members[1]
    assert giver.post("/v1/points/transfers", gift, status=422)["code"] == "insufficient_points"
