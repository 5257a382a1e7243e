from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.calls import Actor
from shared.contracts.tiers import rpc as contract
from shared.ids import new_id
from tests.integration.tiers.harness import START, Tiers, enrolled, sold

MAYA, NOAH = Actor("staff", "maya", ("manager",)), Actor("staff", "noah", ("manager",))
DAY = timedelta(days=1)
UNTIL = "2026-06-01T00:00:00Z"


@pytest.fixture
def member_id(tiers: Tiers) -> UUID:
    member_id = new_id()
    tiers.hear(enrolled(member_id))
    return member_id


def wish(member_id: UUID, tier: str, expires_at: str = UNTIL) -> dict[str, Any]:
    return {
        "member_id": str(member_id),
        "tier": tier,
        "reason": "Lost parcel",
        "expires_at": expires_at,
    }


def asked(tiers: Tiers, member_id: UUID, tier: str) -> dict[str, str]:
    """Let Maya ask for a tier; returns what names the request."""
    made = tiers.call(contract.REQUEST_OVERRIDE, wish(member_id, tier), actor=MAYA)
    return {"override_id": made["override_id"]}


def shown(tiers: Tiers, member_id: UUID) -> tuple[str, str]:
    body = tiers.tier(member_id)
    return body["tier"]["code"], body["source"]


@pytest.mark.rule("T4", "T8")
def test_one_level_up_holds_at_once_until_its_expiry(tiers: Tiers, member_id: UUID) -> None:
    made = tiers.call(contract.REQUEST_OVERRIDE, wish(member_id, "SILVER"), actor=MAYA)
    assert (made["status"], made["levels_up"], made["requested_by"]) == ("approved", 1, "maya")
    body = tiers.tier(member_id)
    assert shown(tiers, member_id) == ("SILVER", "override")
    assert (body["multiplier"], body["progress"]["keep"]) == ("1.1", 0)
    assert body["override"] == {
        "override_id": made["override_id"],
        "tier": "SILVER",
        "reason": "Lost parcel",
        "expires_at": UNTIL,
        "requested_by": "maya",
    }
    tiers.pass_time(START.replace(month=6, hour=0))
    assert shown(tiers, member_id) == ("BRONZE", "earned")
    rows = [(each["reason"], each["tier"], each["actor"]) for each in tiers.history(member_id)]
    assert rows[1:] == [
        ("override", "SILVER", {"kind": "staff", "id": "maya"}),
        ("override_ended", "BRONZE", {"kind": "system", "id": "system"}),
    ]
    assert {each["reference"] for each in tiers.history(member_id)[1:]} == {made["override_id"]}
    assert [each["tier"] for each in tiers.changes()] == ["BRONZE", "SILVER", "BRONZE"]


@pytest.mark.rule("T4")
def test_member_does_not_see_which_of_the_staff_it_was(tiers: Tiers, member_id: UUID) -> None:
    asked(tiers, member_id, "SILVER")
    own = Actor("member", str(member_id))
    page = tiers.call(contract.TIER_HISTORY, {"member_id": str(member_id)}, actor=own)
    assert page["items"][0]["actor"] == {"kind": "staff", "id": None}
    body = tiers.call(contract.MEMBER_TIER, {"member_id": str(member_id)}, actor=own)
    assert body["override"]["requested_by"] is None


@pytest.mark.rule("T4")
def test_more_than_one_level_up_needs_a_second_person(tiers: Tiers, member_id: UUID) -> None:
    request = asked(tiers, member_id, "GOLD")
    assert tiers.call(contract.OVERRIDE, request)["status"] == "pending_approval"
    assert shown(tiers, member_id) == ("BRONZE", "earned")
    event = tiers.told("tier.override_requested")[0]
    assert (event["tier"], event["levels_up"], event["requested_by"]) == ("GOLD", 2, "maya")
    own = tiers.refusal(contract.APPROVE_OVERRIDE, request, actor=MAYA)
    assert own == "override_self_approval"
    made = tiers.call(contract.APPROVE_OVERRIDE, {**request, "note": "Agreed"}, actor=NOAH)
    assert (made["status"], made["decided_by"]) == ("approved", "noah")
    assert shown(tiers, member_id) == ("GOLD", "override")
    again = tiers.refusal(contract.APPROVE_OVERRIDE, request, actor=NOAH)
    assert again == "override_state_conflict"


@pytest.mark.rule("T4")
def test_steps_of_one_level_do_not_get_round_the_second_person(
    tiers: Tiers, member_id: UUID
) -> None:
    asked(tiers, member_id, "SILVER")
    request = asked(tiers, member_id, "GOLD")
    assert tiers.call(contract.OVERRIDE, request)["status"] == "pending_approval"


@pytest.mark.rule("T4")
@pytest.mark.parametrize(
    ("tier", "expires_at", "code"),
    [
        ("DIAMOND", UNTIL, "unknown_tier"),
        ("BRONZE", UNTIL, "override_below_earned"),
        ("GOLD", "2026-03-01T04:00:00Z", "override_expiry_past"),
    ],
)
def test_senseless_override_is_refused_and_changes_nothing(
    tiers: Tiers, member_id: UUID, tier: str, expires_at: str, code: str
) -> None:
    tiers.hear(sold(member_id, "s-1", 100_000))
    refused = tiers.refusal(
        contract.REQUEST_OVERRIDE, wish(member_id, tier, expires_at), actor=MAYA
    )
    assert refused == code
    assert tiers.call(contract.OVERRIDES, {})["items"] == []
    assert shown(tiers, member_id) == ("SILVER", "earned")


@pytest.mark.rule("T4")
def test_second_open_request_is_refused_also_in_parallel(tiers: Tiers, member_id: UUID) -> None:
    def ask(tier: str) -> str:
        try:
            return tiers.refusal(contract.REQUEST_OVERRIDE, wish(member_id, tier), actor=MAYA)
        except AssertionError:
            return "made"

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, ["GOLD", "GOLD", "PLATINUM", "PLATINUM"]))
    assert sorted(found) == ["made", *["override_already_open"] * 3]


@pytest.mark.rule("T4")
def test_rejected_request_gives_nothing_and_makes_room(tiers: Tiers, member_id: UUID) -> None:
    request = asked(tiers, member_id, "GOLD")
    assert tiers.call(contract.REJECT_OVERRIDE, request, actor=NOAH)["status"] == "rejected"
    assert shown(tiers, member_id) == ("BRONZE", "earned")
    assert tiers.refusal(contract.REVOKE_OVERRIDE, request, actor=NOAH) == "override_state_conflict"
    asked(tiers, member_id, "GOLD")


@pytest.mark.rule("T4")
@pytest.mark.parametrize("late", [False, True])
def test_approval_is_judged_by_the_time_it_is_given(
    tiers: Tiers, member_id: UUID, late: bool
) -> None:
    request = asked(tiers, member_id, "GOLD")
    if late:
        tiers.clock.advance(days=200)
    else:
        tiers.hear(sold(member_id, "s-1", 2_000_000))
    refused = tiers.refusal(contract.APPROVE_OVERRIDE, request, actor=NOAH)
    assert refused == ("override_expiry_past" if late else "override_below_earned")


@pytest.mark.rule("T4")
def test_revoked_override_ends_at_once(tiers: Tiers, member_id: UUID) -> None:
    request = asked(tiers, member_id, "SILVER")
    tiers.clock.advance(days=1)
    made = tiers.call(contract.REVOKE_OVERRIDE, {**request, "note": "Mistake"}, actor=NOAH)
    assert (made["status"], made["ended_at"]) == ("revoked", "2026-03-02T04:00:00Z")
    assert shown(tiers, member_id) == ("BRONZE", "earned")
    row = tiers.history(member_id)[-1]
    assert (row["reason"], row["note"], row["actor"]["id"]) == (
        "override_revoked",
        "Mistake",
        "noah",
    )


@pytest.mark.rule("T3", "T4")
def test_override_is_a_floor_and_what_is_earned_goes_on_beneath_it(
    tiers: Tiers, member_id: UUID
) -> None:
    asked(tiers, member_id, "SILVER")
    tiers.hear(sold(member_id, "s-1", 100_000))
    assert shown(tiers, member_id) == ("SILVER", "earned")
    tiers.hear(sold(member_id, "s-2", 500_000))
    assert shown(tiers, member_id) == ("GOLD", "earned")
    tiers.pass_time(START.replace(month=6, hour=0))
    assert shown(tiers, member_id) == ("GOLD", "earned")


@pytest.mark.rule("T4")
def test_floor_carries_over_a_failed_review(tiers: Tiers, member_id: UUID) -> None:
    tiers.hear(sold(member_id, "s-1", 100_000))
    body = wish(member_id, "SILVER", "2028-01-01T00:00:00Z")
    tiers.call(contract.REQUEST_OVERRIDE, body, actor=MAYA)
    tiers.pass_time(START + 400 * DAY)
    assert shown(tiers, member_id) == ("SILVER", "override")
    assert tiers.history(member_id)[-1]["reason"] == "review_failed"
    tiers.pass_time(START.replace(year=2028, month=1, hour=0))
    assert shown(tiers, member_id) == ("BRONZE", "earned")


@pytest.mark.rule("A4", "T4")
def test_overrides_are_listed_newest_first(tiers: Tiers, member_id: UUID) -> None:
    other = new_id()
    first, second = asked(tiers, member_id, "SILVER"), asked(tiers, other, "GOLD")
    ids: Callable[[dict[str, Any]], list[str]] = lambda query: [  # noqa: E731
        item["override_id"] for item in tiers.call(contract.OVERRIDES, query)["items"]
    ]
    assert ids({}) == [second["override_id"], first["override_id"]]
    assert ids({"member_id": str(other)}) == [second["override_id"]]
    assert ids({"status": "approved"}) == [first["override_id"]]
    page = tiers.call(contract.OVERRIDES, {"limit": 1})
    rest = tiers.call(contract.OVERRIDES, {"limit": 1, "after": page["next"]})
    assert [each["override_id"] for each in rest["items"]] == [first["override_id"]]
    assert tiers.refusal(contract.OVERRIDE, {"override_id": str(new_id())}) == "not_found"
