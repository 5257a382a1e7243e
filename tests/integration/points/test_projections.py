"""What points keeps of members and stores (E2)."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from shared.contracts.identity import events as identity
from shared.contracts.members import events as members
from tests.integration.points.desk import START, Desk

_KEPT = "SELECT status, birth_month, enrolled_at FROM members WHERE member_id = :id"


def enrolled(member: UUID, **more: object) -> dict[str, object]:
    data = {"member_id": member, "enrolled_at": START, "channel": "store", "status": "active"}
    return data | more


def updated(member: UUID, **more: object) -> dict[str, object]:
    return {"member_id": member, "changed": ["name"], "status": "active"} | more


@pytest.mark.rule("E2")
def test_birth_month_is_kept_and_follows_a_change_of_birthday(desk: Desk) -> None:
    member = uuid4()
    desk.hear(members.ENROLLED, member, enrolled(member, birth_month=5), sequence=1)
    assert tuple(desk.database.query(_KEPT, id=member)[0]) == ("active", 5, START)
    changed = updated(member, enrolled_at=START, birth_month=None)
    desk.hear(members.UPDATED, member, changed, sequence=2)
    assert tuple(desk.database.query(_KEPT, id=member)[0]) == ("active", None, START)


def test_date_of_joining_stays_when_an_update_does_not_tell_it(desk: Desk) -> None:
    member = uuid4()
    desk.hear(members.ENROLLED, member, enrolled(member), sequence=1)
    desk.hear(members.UPDATED, member, updated(member, status="frozen"), sequence=2)
    assert tuple(desk.database.query(_KEPT, id=member)[0]) == ("frozen", None, START)


def test_member_known_by_a_later_fact_keeps_it_when_an_earlier_one_comes(desk: Desk) -> None:
    member = uuid4()
    later = updated(member, status="frozen", enrolled_at=START, birth_month=7)
    desk.hear(members.UPDATED, member, later, sequence=2)
    desk.hear(members.ENROLLED, member, enrolled(member, birth_month=5), sequence=1)
    assert tuple(desk.database.query(_KEPT, id=member)[0]) == ("frozen", 7, START)


@pytest.mark.rule("E2")
def test_store_is_known_by_its_newest_time_zone(desk: Desk) -> None:
    store = {"store_id": "s-1", "name": "Nanjing Road", "active": True}
    moved = store | {"time_zone": "Asia/Urumqi"}
    desk.hear(identity.STORE_CHANGED, "s-1", moved, sequence=2)
    opened = store | {"time_zone": "Asia/Shanghai"}
    desk.hear(identity.STORE_OPENED, "s-1", opened, sequence=1)
    rows = desk.database.query("SELECT store_id, time_zone FROM stores")
    assert [tuple(row) for row in rows] == [("s-1", "Asia/Urumqi")]
