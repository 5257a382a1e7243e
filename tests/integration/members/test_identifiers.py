from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from services.members.domain import MAX_IDENTIFIERS
from shared.calls import Actor
from shared.contracts.members import rpc as contract
from shared.contracts.method import Method
from shared.ids import new_id

if TYPE_CHECKING:
    from tests.integration.members.conftest import Members

STAFF = Actor("staff", "s-1", ("support",))
CARD, NEW_CARD = "6200 0000 1111", "6200-0000-2222"
WEBSHOP = {"system": "webshop", "id": "C-100142"}


@pytest.fixture
def li(members: Members) -> str:
    return str(members.enrol(card_number=CARD)["member_id"])


def ask(members: Members, method: Method, member_id: str, **payload: Any) -> dict[str, Any]:
    return members.call(method, {"member_id": member_id, **payload}, actor=STAFF)


def owner(members: Members, **reference: str) -> str | None:
    reply = members.call(contract.LOOKUP, reference)
    return None if "error" in reply else str(reply["body"]["member_id"])


def code_of(reply: dict[str, Any]) -> tuple[int, str]:
    return (reply["error"]["status"], reply["error"]["code"])


@pytest.mark.rule("M1")
def test_replaced_card_is_blocked_and_the_new_one_recognises(members: Members, li: str) -> None:
    reply = ask(members, contract.ADD_CARD, li, card_number=NEW_CARD, replaces=CARD)
    assert (reply["status"], reply["body"]["card_numbers"]) == (201, ["********2222"])
    assert owner(members, type="card", value=CARD) is None
    assert owner(members, type="card", value="620000002222") == li
    assert members.events()[-1][1]["changed"] == ["card_numbers"]


@pytest.mark.rule("M1")
def test_blocked_card_recognises_nobody_and_goes_to_nobody(members: Members, li: str) -> None:
    blocked = ask(members, contract.BLOCK_CARD, li, card_number="620000001111", reason="Lost.")
    assert (blocked["status"], blocked["body"]["card_numbers"]) == (200, [])
    sale = members.call(
        contract.LOOKUP_MANY, {"references": [{"type": "card", "value": CARD, "system": None}]}
    )
    assert sale["body"]["results"][0]["found"] is False
    other = members.enrol("13900139000")["member_id"]
    for member_id in (li, other):
        refused = ask(members, contract.ADD_CARD, member_id, card_number=CARD)
        assert code_of(refused) == (409, "card_blocked")
    enrolling = {"phone": "13700137000", "channel": "store", "card_number": CARD}
    assert code_of(members.call(contract.ENROL, enrolling)) == (409, "identifier_taken")


def test_card_blocked_again_stays_as_it_was_blocked_first(members: Members, li: str) -> None:
    for reason in ("Lost.", "Stolen."):
        assert (
            ask(members, contract.BLOCK_CARD, li, card_number=CARD, reason=reason)["status"] == 200
        )
        members.clock.advance(hours=1)
    row = members.database.query("SELECT blocked_at FROM identifiers WHERE kind = 'card'")[0]
    assert row.blocked_at.isoformat() == "2026-03-01T04:00:00+00:00"
    assert len(members.events()) == 2


def test_card_of_another_member_cannot_be_blocked_or_replaced(members: Members, li: str) -> None:
    other = members.enrol("13900139000")["member_id"]
    refused = ask(members, contract.BLOCK_CARD, other, card_number=CARD, reason="Mine.")
    assert code_of(refused) == (404, "not_found")
    refused = ask(members, contract.ADD_CARD, other, card_number=NEW_CARD, replaces=CARD)
    assert code_of(refused) == (404, "not_found")
    assert owner(members, type="card", value=CARD) == li
    assert owner(members, type="card", value=NEW_CARD) is None


@pytest.mark.rule("M1")
def test_card_of_another_member_is_named_as_taken(members: Members, li: str) -> None:
    other = members.enrol("13900139000")["member_id"]
    refused = ask(members, contract.ADD_CARD, other, card_number=CARD)
    assert code_of(refused) == (409, "identifier_taken")
    assert refused["error"]["errors"][0]["field"] == "card_number"
    assert ask(members, contract.ADD_CARD, li, card_number=CARD)["status"] == 201


@pytest.mark.rule("M1")
def test_card_wanted_by_two_members_at_once_goes_to_one(members: Members) -> None:
    both = [members.enrol(f"1380013800{n}")["member_id"] for n in range(2)]

    def take(member_id: str) -> str:
        reply = ask(members, contract.ADD_CARD, member_id, card_number=NEW_CARD)
        return str(reply["error"]["code"]) if "error" in reply else "added"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(take, both)) == ["added", "identifier_taken"]


@pytest.mark.rule("M1")
def test_external_id_comes_and_goes_with_its_system(members: Members, li: str) -> None:
    assert ask(members, contract.ADD_EXTERNAL_ID, li, **WEBSHOP)["status"] == 201
    assert owner(members, type="external", value="C-100142", system="webshop") == li
    other = members.enrol("13900139000")["member_id"]
    refused = ask(members, contract.ADD_EXTERNAL_ID, other, **WEBSHOP)
    assert code_of(refused) == (409, "identifier_taken")
    assert refused["error"]["errors"][0]["field"] == "external_ids"
    assert code_of(ask(members, contract.REMOVE_EXTERNAL_ID, other, **WEBSHOP))[0] == 404
    assert ask(members, contract.REMOVE_EXTERNAL_ID, li, **WEBSHOP)["body"]["external_ids"] == []
    assert ask(members, contract.ADD_EXTERNAL_ID, other, **WEBSHOP)["status"] == 201


def test_member_has_a_bounded_number_of_external_ids(members: Members, li: str) -> None:
    for number in range(MAX_IDENTIFIERS):
        added = ask(members, contract.ADD_EXTERNAL_ID, li, system="webshop", id=f"C-{number}")
        assert added["status"] == 201
    refused = ask(members, contract.ADD_EXTERNAL_ID, li, system="webshop", id="one-more")
    assert code_of(refused) == (409, "too_many_identifiers")


def test_identifiers_of_nobody_are_not_found(members: Members) -> None:
    nobody = str(new_id())
    for method, payload in (
        (contract.ADD_CARD, {"card_number": CARD}),
        (contract.BLOCK_CARD, {"card_number": CARD, "reason": "Lost."}),
        (contract.ADD_EXTERNAL_ID, WEBSHOP),
        (contract.REMOVE_EXTERNAL_ID, WEBSHOP),
    ):
        assert code_of(ask(members, method, nobody, **payload)) == (404, "not_found")
