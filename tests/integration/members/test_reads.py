from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shared.calls import Actor
from shared.contracts.members import rpc as contract
from shared.ids import new_id

if TYPE_CHECKING:
    from tests.integration.members.conftest import Members

STAFF = Actor("staff", "s-1", ("support",))


@pytest.fixture
def li(members: Members) -> str:
    body = members.enrol(
        name="Li Lei",
        email="li.lei@example.com",
        birthday="1990-05-17",
        card_number="6200 0000 7777",
        external_ids=[{"system": "webshop", "id": "C-100142"}],
    )
    return str(body["member_id"])


@pytest.mark.rule("M7")
def test_member_sees_itself_in_full_and_others_see_masks(members: Members, li: str) -> None:
    own = members.call(contract.GET, {"member_id": li}, actor=Actor("member", li))["body"]
    assert (own["phone"], own["name"], own["birthday"], own["masked"]) == (
        "+8613800138000",
        "Li Lei",
        "1990-05-17",
        False,
    )
    for stranger in (STAFF, Actor("terminal", "t"), Actor("shop", li), Actor("member", "other")):
        seen = members.call(contract.GET, {"member_id": li}, actor=stranger)["body"]
        assert (seen["phone"], seen["name"], seen["masked"]) == ("+86*******8000", "L**", True)


def test_unknown_member_is_not_found(members: Members) -> None:
    for method in (contract.GET, contract.STATUS):
        error = members.call(method, {"member_id": str(new_id())})["error"]
        assert (error["status"], error["code"]) == (404, "not_found")


def test_status_says_nothing_personal(members: Members, li: str) -> None:
    assert members.call(contract.STATUS, {"member_id": li})["body"] == {
        "member_id": li,
        "status": "active",
        "enrolled_at": "2026-03-01T04:00:00Z",
    }


@pytest.mark.rule("M1", "M7")
@pytest.mark.parametrize(
    "reference",
    [
        {"type": "phone", "value": "0086 13800138000"},
        {"type": "email", "value": "LI.LEI@example.com"},
        {"type": "card", "value": "62000000-7777"},
        {"type": "external", "value": "C-100142", "system": "webshop"},
    ],
)
def test_lookup_finds_by_each_identifier_in_any_spelling(
    members: Members, li: str, reference: dict[str, Any]
) -> None:
    assert members.call(contract.LOOKUP, reference)["body"] == {
        "member_id": li,
        "status": "active",
        "name_masked": "L**",
        "phone_masked": "+86*******8000",
    }


def test_lookup_by_member_id_finds_it(members: Members, li: str) -> None:
    reply = members.call(contract.LOOKUP, {"type": "member_id", "value": li})
    assert reply["body"]["member_id"] == li


@pytest.mark.parametrize(
    ("reference", "status", "code"),
    [
        ({"type": "phone", "value": "13900139000"}, 404, "member_not_found"),
        ({"type": "external", "value": "C-100142", "system": "wechat"}, 404, "member_not_found"),
        ({"type": "card", "value": "13800138000"}, 404, "member_not_found"),
        ({"type": "member_id", "value": "nobody"}, 404, "member_not_found"),
        ({"type": "phone", "value": "nonsense"}, 422, "validation_failed"),
        ({"type": "external", "value": "C-100142"}, 422, "validation_failed"),
        ({"type": "phone", "value": "13800138000", "system": "webshop"}, 422, "validation_failed"),
    ],
)
def test_lookup_of_nobody_is_refused(
    members: Members, li: str, reference: dict[str, Any], status: int, code: str
) -> None:
    error = members.call(contract.LOOKUP, reference)["error"]
    assert (error["status"], error["code"]) == (status, code)


@pytest.mark.rule("M1")
def test_lookup_many_answers_in_order_and_takes_nonsense_for_nobody(
    members: Members, li: str
) -> None:
    nobody = {"found": False, "member_id": None, "status": None}
    found = {"found": True, "member_id": li, "status": "active"}
    references = [
        {"type": "phone", "value": "13900139000"},
        {"type": "phone", "value": "13800138000"},
        {"type": "phone", "value": "nonsense"},
        {"type": "external", "value": "C-100142", "system": "webshop"},
        {"type": "member_id", "value": li},
        {"type": "member_id", "value": str(new_id())},
        {"type": "phone", "value": "+8613800138000"},
    ]
    assert members.call(contract.LOOKUP_MANY, {"references": references})["body"] == {
        "results": [nobody, found, nobody, found, found, nobody, found]
    }
    assert members.call(contract.LOOKUP_MANY, {"references": []})["body"] == {"results": []}


def test_lookup_many_refuses_more_than_a_batch(members: Members) -> None:
    reference = {"type": "phone", "value": "13800138000"}
    full = members.call(contract.LOOKUP_MANY, {"references": [reference] * 500})
    assert len(full["body"]["results"]) == 500
    error = members.call(contract.LOOKUP_MANY, {"references": [reference] * 501})["error"]
    assert error["status"] == 422


@pytest.mark.rule("M6")
def test_erased_member_is_found_by_nobody(members: Members, li: str) -> None:
    members.database.query("UPDATE members SET status = 'erased', data_key = NULL, profile = NULL")
    for method, payload in (
        (contract.GET, {"member_id": li}),
        (contract.STATUS, {"member_id": li}),
        (contract.LOOKUP, {"type": "phone", "value": "13800138000"}),
        (contract.PATCH, {"member_id": li, "locale": "en"}),
    ):
        assert members.call(method, payload)["error"]["status"] == 404
    assert members.call(contract.SEARCH, {})["body"]["items"] == []
    many = {"references": [{"type": "phone", "value": "13800138000"}]}
    assert members.call(contract.LOOKUP_MANY, many)["body"]["results"][0]["found"] is False


@pytest.mark.parametrize(
    "criterion",
    [
        {"phone": "138-0013-8000"},
        {"email": "Li.Lei@example.com"},
        {"card_number": "620000007777"},
        {"name": "LI  LEI"},
    ],
)
def test_search_matches_exactly(members: Members, li: str, criterion: dict[str, str]) -> None:
    members.enrol("13900139000", name="Li Lei Lei", email="other@example.com")
    page = members.call(contract.SEARCH, criterion, actor=STAFF)["body"]
    assert [item["member_id"] for item in page["items"]] == [li]
    assert page["items"][0]["masked"] is True
    assert page["next"] is None


def test_search_by_two_criteria_is_refused(members: Members) -> None:
    payload = {"phone": "13800138000", "email": "li.lei@example.com"}
    assert members.call(contract.SEARCH, payload, actor=STAFF)["error"]["status"] == 422


@pytest.mark.rule("A4")
def test_search_without_criterion_pages_through_all_newest_first(members: Members) -> None:
    made = [members.enrol(f"1390013900{number}")["member_id"] for number in range(5)]
    seen: list[str] = []
    after = None
    for _ in range(3):
        page = members.call(contract.SEARCH, {"limit": 2, "after": after}, actor=STAFF)["body"]
        seen += [item["member_id"] for item in page["items"]]
        after = page["next"]
    assert after is None
    assert seen == made[::-1]
