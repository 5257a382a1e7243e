from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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
    body = members.enrol(name="Li Lei", email="li.lei@example.com", birthday="1990-05-17")
    return str(body["member_id"])


def _own(members: Members, member_id: str) -> dict[str, Any]:
    reply = members.call(contract.GET, {"member_id": member_id}, actor=Actor("member", member_id))
    body: dict[str, Any] = reply["body"]
    return body


def test_patch_changes_what_is_named_and_clears_nulls(members: Members, li: str) -> None:
    members.clock.advance(hours=1)
    reply = members.call(
        contract.PATCH,
        {"member_id": li, "name": "Li Lei Da", "birthday": None, "home_store_id": "S002"},
        actor=Actor("member", li),
    )
    assert reply["status"] == 200
    after = _own(members, li)
    assert reply["body"] == after
    assert (after["name"], after["birthday"], after["home_store_id"], after["email"]) == (
        "Li Lei Da",
        None,
        "S002",
        "li.lei@example.com",
    )
    assert after["updated_at"] == "2026-03-01T05:00:00Z"
    assert members.events()[-1] == (
        "member.updated",
        {
            "member_id": li,
            "changed": ["birthday", "home_store_id", "name"],
            "status": "active",
            "enrolled_at": "2026-03-01T04:00:00Z",
            "birth_month": None,
        },
    )


def test_patch_without_a_difference_publishes_nothing(members: Members, li: str) -> None:
    same = {"member_id": li, "email": "LI.LEI@example.com", "birthday": "1990-05-17"}
    assert members.call(contract.PATCH, same)["status"] == 200
    assert members.call(contract.PATCH, {"member_id": li})["status"] == 200
    assert [name for name, _ in members.events()] == ["member.enrolled"]


@pytest.mark.rule("M7")
def test_patch_by_staff_answers_masked(members: Members, li: str) -> None:
    body = members.call(contract.PATCH, {"member_id": li, "name": "Wang"}, actor=STAFF)["body"]
    assert (body["name"], body["masked"]) == ("W**", True)
    assert _own(members, li)["name"] == "Wang"


@pytest.mark.rule("M1")
def test_changed_email_frees_the_old_and_takes_the_new(members: Members, li: str) -> None:
    members.call(contract.PATCH, {"member_id": li, "email": "new@example.com"})
    old = members.call(contract.LOOKUP, {"type": "email", "value": "li.lei@example.com"})
    assert old["error"]["code"] == "member_not_found"
    new = members.call(contract.LOOKUP, {"type": "email", "value": "new@example.com"})
    assert new["body"]["member_id"] == li
    members.enrol("13900139000", email="li.lei@example.com")


@pytest.mark.rule("M1")
def test_email_of_somebody_else_is_refused_and_nothing_changes(members: Members, li: str) -> None:
    members.enrol("13900139000", email="taken@example.com")
    error = members.call(
        contract.PATCH, {"member_id": li, "email": "taken@example.com", "name": "Other"}
    )["error"]
    assert (error["status"], error["code"]) == (409, "identifier_taken")
    assert error["errors"][0]["field"] == "email"
    after = _own(members, li)
    assert (after["email"], after["name"]) == ("li.lei@example.com", "Li Lei")


@pytest.mark.rule("M1")
def test_two_members_swapping_emails_in_parallel_never_share_one(members: Members, li: str) -> None:
    han = members.enrol("13900139000", email="han@example.com")["member_id"]
    wishes = [(li, "han@example.com"), (han, "li.lei@example.com")]

    def patch(wish: tuple[str, str]) -> dict[str, Any]:
        return members.call(contract.PATCH, {"member_id": wish[0], "email": wish[1]})

    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(patch, wishes))
    for reply in replies:
        assert "body" in reply or reply["error"]["code"] in ("identifier_taken", "busy")
    rows = members.database.query("SELECT member_id FROM identifiers WHERE kind = 'email'")
    assert len(rows) == len({row.member_id for row in rows})


@pytest.mark.rule("M1")
def test_staff_changes_a_phone_and_the_old_one_is_free(members: Members, li: str) -> None:
    reply = members.call(contract.PATCH, {"member_id": li, "phone": "139 0013 9000"}, actor=STAFF)
    assert reply["status"] == 200
    assert _own(members, li)["phone"] == "+8613900139000"
    assert members.events()[-1][1]["changed"] == ["phone"]
    assert members.enrol("13800138000")["member_id"] != li


@pytest.mark.rule("M1")
def test_member_changes_its_phone_only_to_one_it_has_proved(members: Members, li: str) -> None:
    change = {"member_id": li, "phone": "13900139000"}
    own = Actor("member", li)
    for proof in ({}, {"verified_phone_digest": members.digest("+8613700137000")}):
        error = members.call(contract.PATCH, change | proof, actor=own)["error"]
        assert (error["status"], error["code"]) == (403, "phone_not_proven")
    proof = {"verified_phone_digest": members.digest("+8613900139000")}
    assert members.call(contract.PATCH, change | proof, actor=own)["status"] == 200


@pytest.mark.rule("M1")
def test_phone_of_somebody_else_is_refused_by_its_own_code(members: Members, li: str) -> None:
    members.enrol("13900139000")
    change = {"member_id": li, "phone": "13900139000", "name": "Other"}
    error = members.call(contract.PATCH, change, actor=STAFF)["error"]
    assert (error["status"], error["code"]) == (409, "phone_taken")
    assert error["errors"][0]["field"] == "phone"
    assert (_own(members, li)["phone"], _own(members, li)["name"]) == ("+8613800138000", "Li Lei")


@pytest.mark.rule("M1")
def test_one_phone_wanted_by_many_at_once_goes_to_one(members: Members) -> None:
    wanting = [members.enrol(f"1380013800{n}")["member_id"] for n in range(6)]

    def take(member_id: str) -> str:
        change = {"member_id": member_id, "phone": "13900139000"}
        reply = members.call(contract.PATCH, change, actor=STAFF)
        return str(reply["error"]["code"]) if "error" in reply else "changed"

    with ThreadPoolExecutor(6) as pool:
        outcomes = sorted(pool.map(take, wanting))
    assert outcomes == ["changed"] + ["phone_taken"] * 5
    phones = members.database.query("SELECT count(*) FROM identifiers WHERE kind = 'phone'")
    assert phones[0][0] == 6


def test_patch_refuses_what_members_may_not_change(members: Members, li: str) -> None:
    for field, value in (
        ("phone", None),
        ("phone", "12"),
        ("status", "closed"),
        ("birthday", "2199-01-01"),
    ):
        error = members.call(contract.PATCH, {"member_id": li, field: value})["error"]
        assert error["status"] == 422
    assert members.call(contract.PATCH, {"member_id": str(new_id())})["error"]["status"] == 404


@pytest.mark.rule("A3")
def test_replayed_patch_answers_as_then_and_changes_nothing(members: Members, li: str) -> None:
    actor = Actor("member", li)
    payload = {"member_id": li, "name": "First"}
    first = members.call(contract.PATCH, payload, actor=actor, key="p1")
    members.call(contract.PATCH, {"member_id": li, "name": "Second"}, actor=actor, key="p2")
    again = members.call(contract.PATCH, payload, actor=actor, key="p1")
    assert (again["replayed"], again["body"]) == (True, first["body"])
    assert _own(members, li)["name"] == "Second"
