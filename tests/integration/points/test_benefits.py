"""Points that a tier gives, such as for a birthday (T6)."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.event import Envelope
from shared.contracts.members import events as members
from shared.contracts.tiers import events as tiers
from tests.integration.points.desk import Desk


def grant(desk: Desk, member: UUID, **gift: Any) -> Envelope:
    """Tell that a tier gives something for a birthday."""
    data = {
        "grant_id": uuid4(),
        "member_id": member,
        "code": "BIRTHDAY",
        "kind": "birthday_gift",
        "tier": "GOLD",
        "occasion": "2026",
        "campaign_id": None,
        "points": 50,
        **gift,
    }
    return desk.hear(tiers.BENEFIT_GRANTED, member, data)


@pytest.mark.rule("T6", "L7")
def test_points_of_a_benefit_are_credited_once_as_a_lot_of_their_own(desk: Desk) -> None:
    member = uuid4()
    desk.deliver(grant(desk, member))
    grant(desk, member, points=None, campaign_id=uuid4())
    (entry,) = desk.journal(member)
    assert (entry["type"], entry["points"], entry["reference"]["kind"]) == ("earn", 50, "benefit")
    (told,) = desk.events("points.earned")
    assert (told["points"], told["expires_at"]) == (50, entry["lots"][0]["expires_at"])
    assert desk.points(member)["lifetime"]["earned"] == 50
    assert desk.verify()["ok"]


def test_frozen_member_is_given_nothing(desk: Desk) -> None:
    member = uuid4()
    desk.sell(100, member=member)
    frozen = {
        "member_id": member,
        "changed": ["status"],
        "status": "frozen",
        "enrolled_at": desk.clock.now(),
        "birth_month": None,
    }
    desk.hear(members.UPDATED, member, frozen)
    grant(desk, member)
    assert desk.available(member) == 1
