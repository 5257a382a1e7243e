"""Members that come together from another system get their tier together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.members import events as members_events
from shared.ids import new_id
from tests.integration.tiers.harness import START, Tiers, enrolled, sold, updated

STATE = "SELECT * FROM tier_states WHERE member_id = :id"


def came(*member_ids: UUID) -> Any:
    """Return ``member.imported``; all were born in May."""
    told = [
        {
            "member_id": member_id,
            "enrolled_at": START,
            "birth_month": 5,
            "points": 0,
            "expires_on": None,
        }
        for member_id in member_ids
    ]
    like = enrolled(new_id())
    data = members_events.IMPORTED.schema().dump({"members": told})
    return replace(like, id=new_id(), type="member.imported", subject=str(new_id()), data=data)


def state(tiers: Tiers, member_id: UUID) -> dict[str, Any]:
    (row,) = tiers.database.query(STATE, id=member_id)
    return {**row._mapping, "member_id": None}


@pytest.mark.rule("T1", "T8")
def test_imported_members_stand_where_one_stands_who_enrols(tiers: Tiers) -> None:
    one, *many = (new_id() for _ in range(4))
    tiers.hear(enrolled(one, birth_month=5))
    tiers.hear(came(*many))
    tiers.hear(came(*many))  # another event, the same members
    for member_id in many:
        assert state(tiers, member_id) == state(tiers, one)
        assert len(tiers.history(member_id)) == 1
    told = tiers.changes()
    assert {each.pop("member_id") for each in told} == set(map(str, (one, *many)))
    assert (len(told), all(each == told[0] for each in told)) == (4, True)


def test_what_is_known_of_an_imported_member_stays(tiers: Tiers) -> None:
    buyer, frozen, other = new_id(), new_id(), new_id()
    tiers.hear(sold(buyer, "s-1", 100_000))
    tiers.hear(updated(frozen, "frozen", 2, enrolled_at=START, birth_month=7))
    tiers.hear(came(buyer, frozen, other))
    assert tiers.tier(buyer)["tier"]["code"] == "SILVER"
    assert (state(tiers, buyer)["enrolled"], state(tiers, buyer)["birth_month"]) == (True, 5)
    assert (state(tiers, frozen)["status"], state(tiers, frozen)["birth_month"]) == ("frozen", 7)
    assert tiers.tier(other)["tier"]["code"] == "BRONZE"


def test_enrolment_told_by_an_import_changes_nothing_by_itself(tiers: Tiers) -> None:
    member_id = new_id()
    tiers.hear(enrolled(member_id, channel="import", import_id=new_id()))
    assert tiers.database.query(STATE, id=member_id) == []
