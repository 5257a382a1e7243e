from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shared.calls import Actor
from shared.contracts.members import rpc as contract
from shared.ids import new_id

if TYPE_CHECKING:
    from tests.integration.members.conftest import Members

STAFF = Actor("staff", "s-1", ("support",))
SMS = {"purpose": "marketing", "channel": "sms", "policy_version": "2026-01"}
EMAIL = {"purpose": "surveys", "channel": "email", "policy_version": "2026-01"}


@pytest.fixture
def li(members: Members) -> str:
    return str(members.enrol(consents=[{**SMS, "granted": True}])["member_id"])


def say(members: Members, member_id: str, *consents: dict[str, Any], **more: Any) -> dict[str, Any]:
    actor = more.pop("actor", Actor("member", member_id))
    payload = {"member_id": member_id, "consents": list(consents), **more}
    return members.call(contract.SET_CONSENTS, payload, actor=actor)


def history(members: Members, member_id: str, **page: Any) -> dict[str, Any]:
    reply = members.call(contract.CONSENT_HISTORY, {"member_id": member_id, **page})
    body: dict[str, Any] = reply["body"]
    return body


@pytest.mark.rule("M5")
def test_withdrawn_consent_counts_and_the_grant_stays_in_the_history(
    members: Members, li: str
) -> None:
    members.clock.advance(days=1)
    now = {**SMS, "granted": False, "at": "2026-03-02T04:00:00Z", "proof": "app"}
    assert say(members, li, {**SMS, "granted": False})["body"]["consents"] == [now]
    items = history(members, li)["items"]
    assert [(item["granted"], item["proof"], item["recorded_by"]) for item in items] == [
        (False, "app", f"member:{li}"),
        (True, "store", "terminal:till-1"),
    ]
    assert members.events()[-1][1]["changed"] == ["consents"]


@pytest.mark.rule("M5")
def test_consents_left_out_stay_as_they_are(members: Members, li: str) -> None:
    answer = say(members, li, {**EMAIL, "granted": True})["body"]["consents"]
    assert {(each["purpose"], each["granted"]) for each in answer} == {
        ("marketing", True),
        ("surveys", True),
    }


@pytest.mark.rule("M5")
def test_consent_said_again_is_not_noted_again_unless_for_a_new_policy(
    members: Members, li: str
) -> None:
    say(members, li, {**SMS, "granted": True})
    assert len(history(members, li)["items"]) == 1
    say(members, li, {**SMS, "granted": True, "policy_version": "2026-02"})
    assert len(history(members, li)["items"]) == 2


def test_proof_is_where_staff_says_the_member_said_so(members: Members, li: str) -> None:
    by_phone = say(members, li, {**SMS, "granted": False}, actor=STAFF)["body"]["consents"]
    assert by_phone[0]["proof"] == "call_center"
    on_paper = say(members, li, {**SMS, "granted": True}, actor=STAFF, proof="store")["body"]
    assert on_paper["consents"][0]["proof"] == "store"


def test_history_comes_in_pages(members: Members, li: str) -> None:
    for granted in (False, True, False):
        say(members, li, {**SMS, "granted": granted})
    first = history(members, li, limit=3)
    rest = history(members, li, limit=3, after=first["next"])
    seen = [item["granted"] for page in (first, rest) for item in page["items"]]
    assert (seen, rest["next"]) == ([False, True, False, True], None)


def test_contradictions_and_strangers_are_refused(members: Members, li: str) -> None:
    both = say(members, li, {**SMS, "granted": True}, {**SMS, "granted": False})
    assert both["error"]["status"] == 422
    nobody = say(members, str(new_id()), {**SMS, "granted": True})
    assert nobody["error"]["code"] == "not_found"
    assert len(history(members, li)["items"]) == 1


@pytest.mark.rule("M5")
def test_frozen_member_can_still_withdraw(members: Members, li: str) -> None:
    frozen = {"member_id": li, "act": "freeze", "reason": "Fraud."}
    assert members.call(contract.CHANGE_STANDING, frozen, actor=STAFF)["status"] == 200
    assert say(members, li, {**SMS, "granted": False})["status"] == 200
