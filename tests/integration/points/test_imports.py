"""Members who come from another system with points."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.members import events as members
from shared.contracts.members import merge_events as merges
from shared.contracts.privacy import ERASED
from shared.ids import new_id
from tests.integration.points.desk import START, Desk

FACTS = "SELECT status, birth_month, enrolled_at FROM members WHERE member_id = :id"


def came(desk: Desk, *brought: tuple[UUID, int]) -> None:
    """Tell of members that came, each with points."""
    some = [
        {
            "member_id": member,
            "enrolled_at": START,
            "birth_month": 5,
            "points": points,
            "expires_on": None,
        }
        for member, points in brought
    ]
    desk.hear(members.IMPORTED, uuid4(), {"members": some})


def available(desk: Desk, member: UUID) -> int:
    found: int = desk.points(member)["balances"]["available"]
    return found


@pytest.mark.rule("L7")
def test_members_come_with_their_points_once_however_often_they_are_told(desk: Desk) -> None:
    rich, poor = uuid4(), uuid4()
    came(desk, (rich, 1_200), (poor, 0))
    came(desk, (rich, 1_200), (poor, 0))  # another event, the same members
    assert (available(desk, rich), available(desk, poor)) == (1_200, 0)
    for member in (rich, poor):
        assert tuple(desk.database.query(FACTS, id=member)[0]) == ("active", 5, START)
    told = desk.database.query("SELECT subject, data FROM outbox WHERE type = 'points.adjusted'")
    assert [(row.subject, row.data["points"]) for row in told] == [(str(rich), 1_200)]


def test_what_a_member_told_itself_is_newer_than_its_import(desk: Desk) -> None:
    member = uuid4()
    later: dict[str, Any] = {
        "member_id": member,
        "changed": ["birthday"],
        "status": "frozen",
        "enrolled_at": START,
        "birth_month": 7,
    }
    desk.hear(members.UPDATED, member, later, sequence=2)
    came(desk, (member, 10))
    assert tuple(desk.database.query(FACTS, id=member)[0]) == ("frozen", 7, START)
    assert available(desk, member) == 10


def test_enrolment_told_by_an_import_changes_nothing_by_itself(desk: Desk) -> None:
    member = uuid4()
    data = {"member_id": member, "enrolled_at": START, "channel": "import", "status": "active"}
    desk.hear(members.ENROLLED, member, {**data, "import_id": uuid4()}, sequence=1)
    assert desk.database.query(FACTS, id=member) == []


@pytest.mark.rule("M3")
def test_balance_of_a_member_that_was_merged_meanwhile_is_the_survivors(desk: Desk) -> None:
    source, survivor = uuid4(), uuid4()
    step = {
        "step_id": new_id(),
        "merge_id": new_id(),
        "source_member_id": source,
        "survivor_member_id": survivor,
        "after": [],
    }
    desk.hear(merges.MERGED, source, step)
    came(desk, (source, 300), (survivor, 20))
    assert available(desk, survivor) == 320


@pytest.mark.rule("M6")
def test_balance_of_a_member_that_was_erased_meanwhile_is_nobodys(desk: Desk) -> None:
    gone, other = uuid4(), uuid4()
    erased = {"member_id": gone, "erased_at": START, "phone_digest": None}
    desk.hear(ERASED, gone, erased)
    came(desk, (gone, 300), (other, 20))
    assert available(desk, other) == 20
    entries = desk.database.query("SELECT 1 FROM transactions WHERE member_id = :id", id=gone)
    assert entries == []
