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
    return str(members.enrol()["member_id"])


def do(members: Members, member_id: str, act: str, reason: str = "Card theft.") -> dict[str, Any]:
    payload = {"member_id": member_id, "act": act, "reason": reason}
    return members.call(contract.CHANGE_STANDING, payload, actor=STAFF)


def test_account_goes_through_its_standings_with_reasons(members: Members, li: str) -> None:
    acts = ("freeze", "unfreeze", "freeze", "close", "reopen")
    seen = [do(members, li, act, reason=f"Because {act}.")["body"]["status"] for act in acts]
    assert seen == ["frozen", "active", "frozen", "closed", "active"]
    page = members.call(contract.STANDING_HISTORY, {"member_id": li, "limit": 2}, actor=STAFF)
    assert [(item["status"], item["reason"], item["actor"]) for item in page["body"]["items"]] == [
        ("active", "Because reopen.", "staff:s-1"),
        ("closed", "Because close.", "staff:s-1"),
    ]
    assert page["body"]["next"] is not None


def test_others_hear_each_new_status_and_of_freezing_by_name(members: Members, li: str) -> None:
    do(members, li, "freeze")
    do(members, li, "unfreeze")
    told = [(name, data.get("status")) for name, data in members.events()[1:]]
    assert told == [
        ("member.updated", "frozen"),
        ("member.frozen", None),
        ("member.updated", "active"),
    ]


@pytest.mark.parametrize(
    ("before", "act"),
    [((), "unfreeze"), ((), "reopen"), (("freeze",), "freeze"), (("close",), "freeze")],
)
def test_standing_that_does_not_allow_it_is_named(
    members: Members, li: str, before: tuple[str, ...], act: str
) -> None:
    for each in before:
        do(members, li, each)
    told = len(members.events())
    error = do(members, li, act)["error"]
    assert (error["status"], error["code"]) == (409, "standing_conflict")
    assert error["extra"]["status_now"] in ("active", "frozen", "closed")
    assert len(members.events()) == told


def test_freezing_twice_at_once_happens_once(members: Members, li: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda _: do(members, li, "freeze"), range(2)))
    assert sorted("error" in reply for reply in replies) == [False, True]
    assert len(members.database.query("SELECT 1 FROM standing_changes")) == 1


def test_frozen_member_cannot_change_its_data_but_staff_can(members: Members, li: str) -> None:
    do(members, li, "freeze")
    patch = {"member_id": li, "name": "Other"}
    refused = members.call(contract.PATCH, patch, actor=Actor("member", li))["error"]
    assert (refused["status"], refused["code"]) == (409, "member_frozen")
    assert members.call(contract.PATCH, patch, actor=STAFF)["status"] == 200


def test_closed_account_changes_no_more(members: Members, li: str) -> None:
    do(members, li, "close")
    for method, payload in (
        (contract.PATCH, {"name": "Other"}),
        (contract.ADD_CARD, {"card_number": "CARD0001"}),
    ):
        error = members.call(method, {"member_id": li, **payload}, actor=STAFF)["error"]
        assert (error["status"], error["code"]) == (409, "member_closed")


def test_standing_of_nobody_is_not_found(members: Members) -> None:
    assert do(members, str(new_id()), "freeze")["error"]["code"] == "not_found"


@pytest.mark.rule("M4")
def test_reasons_are_not_stored_in_plain(members: Members, li: str) -> None:
    do(members, li, "freeze", reason="Sister of Han Meimei.")
    stored = members.database.query("SELECT reason FROM standing_changes")[0].reason
    assert b"Han" not in bytes(stored)


@pytest.mark.parametrize(
    "statement", ["UPDATE standing_changes SET actor = ''", "DELETE FROM standing_changes"]
)
def test_history_cannot_be_rewritten_by_the_service(
    members: Members, li: str, statement: str
) -> None:
    do(members, li, "freeze")
    with (
        members.database.engine.connect() as connection,
        pytest.raises(Exception, match="permission denied"),
    ):
        connection.exec_driver_sql(statement)
