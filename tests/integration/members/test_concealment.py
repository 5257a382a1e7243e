"""No answer tells a person whether an e-mail address or a card is another member's (M1)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.calls import Actor
from shared.contracts.members import rpc as contract
from tests.integration.members.conftest import TERMINAL, Members

THEIRS = {"email": "li@example.com", "card_number": "620000007777"}
FREE = {"email": "new@example.com", "card_number": "620000008888"}
STAFF = Actor("staff", "s-1", ("support",))


@pytest.fixture
def owner(members: Members) -> str:
    return str(members.enrol("13800138000", **THEIRS)["member_id"])


def join(members: Members, phone: str, **more: Any) -> dict[str, Any]:
    digest = members.digest(phone)
    body = {"phone": phone, "channel": "app", "verified_phone_digest": digest, **more}
    return members.call(contract.ENROL, body, actor=Actor("anonymous", digest))


def seen(reply: dict[str, Any], values: dict[str, str], phone: str) -> str:
    """Return an answer without what has to differ: ids, times of joining, the values sent."""
    if "error" in reply:
        return repr({**reply["error"], "request_id": None})
    text = repr({**reply["body"], "member_id": None, "enrolled_at": None, "updated_at": None})
    for value in (*values.values(), phone):
        text = text.replace(value, "…")
    return f"{reply['status']} {text}"


def story(members: Members, phone: str, values: dict[str, str]) -> list[str]:
    """Try all that a person can do with an address and a card; returns the answers."""
    made = join(members, phone)
    member_id = made["body"]["member_id"]
    me = Actor("member", member_id)
    email = {"member_id": member_id, "email": values["email"]}
    card = {"member_id": member_id, "card_number": values["card_number"]}
    spare = {"member_id": member_id, "card_number": f"99{phone[-6:]}"}
    blocked = {**card, "reason": "lost"}
    acts: list[tuple[Any, dict[str, Any]]] = [
        (contract.PATCH, email),
        (contract.PATCH, email),
        (contract.ADD_CARD, card),
        (contract.ADD_CARD, card),
        (contract.ADD_CARD, spare),
        (contract.GET, {"member_id": member_id}),
        (contract.BLOCK_CARD, blocked),
        (contract.BLOCK_CARD, blocked),
        (contract.ADD_CARD, card),
        (contract.PATCH, {"member_id": member_id, "name": "Li", "email": None}),
        (contract.GET, {"member_id": member_id}),
    ]
    answers: list[str] = []
    moved: list[bool] = []
    before = made["body"]["updated_at"]
    for method, payload in acts:
        members.clock.advance(seconds=1)
        reply = members.call(method, payload, actor=me)
        hidden = {**values, "spare": spare["card_number"]}
        answers.append(seen(reply, hidden, phone))
        now = reply.get("body", {}).get("updated_at", before)
        moved.append(now != before)
        before = now
    return [*answers, repr(moved)]


@pytest.mark.rule("M1")
@pytest.mark.usefixtures("owner")
def test_member_learns_nothing_from_claiming_what_is_anothers(members: Members) -> None:
    told = story(members, "+8613900139000", THEIRS)
    assert told == story(members, "+8613900139001", FREE)
    assert any("card_blocked" in answer for answer in told)


@pytest.mark.rule("M1")
@pytest.mark.usefixtures("owner")
def test_person_enrols_the_same_with_what_is_anothers(members: Members) -> None:
    answers = [
        seen(join(members, phone, **values), values, phone)
        for phone, values in (("+8613900139000", THEIRS), ("+8613900139001", FREE))
    ]
    assert answers[0] == answers[1]
    assert answers[0].startswith("201")


@pytest.mark.rule("M1")
def test_claimed_identifiers_stay_their_owners_and_staff_sees_the_claim(
    members: Members, owner: str
) -> None:
    member_id = join(members, "+8613900139000", **THEIRS)["body"]["member_id"]
    for kind, value in (("email", THEIRS["email"]), ("card", THEIRS["card_number"])):
        found = members.call(contract.LOOKUP, {"type": kind, "value": value})
        assert found["body"]["member_id"] == owner
    view = members.call(contract.GET, {"member_id": member_id}, actor=STAFF)["body"]
    assert view["unconfirmed"] == ["email", "card_numbers"]
    assert members.call(contract.GET, {"member_id": owner}, actor=STAFF)["body"][
        "unconfirmed"
    ] == []  # fmt: skip
    taken = {"member_id": member_id, "email": THEIRS["email"]}
    for actor in (STAFF, TERMINAL):  # who may know is told, by name
        refused = members.call(contract.PATCH, taken, actor=actor)["error"]
        assert (refused["code"], refused["errors"][0]["field"]) == ("identifier_taken", "email")
    # Once its owner has let go of it, staff gives it to whoever claimed it.
    members.call(contract.PATCH, {"member_id": owner, "email": None}, actor=STAFF)
    view = members.call(contract.PATCH, taken, actor=STAFF)["body"]
    assert view["unconfirmed"] == ["card_numbers"]
    found = members.call(contract.LOOKUP, {"type": "email", "value": THEIRS["email"]})
    assert found["body"]["member_id"] == member_id
