"""Points that members give one another (L10)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.calls import Actor
from shared.contracts.members import events as members
from shared.contracts.points import transfers
from tests.integration.points.desk import Desk, refusal_of
from tests.integration.points.test_pending import claw, earn

STAFF = Actor("staff", "sue", ("support",))
DAY = timedelta(days=1)


def transfer(desk: Desk, giver: UUID, receiver: UUID, points: int, **fields: Any) -> Any:
    actor = fields.pop("actor", STAFF)
    payload = {
        "from_member_id": str(giver),
        "to_member_id": str(receiver),
        "points": points,
        "exists": True,
    }
    return desk.call(transfers.TRANSFER, payload | fields, actor=actor)


def expiring(desk: Desk, member: UUID) -> list[tuple[int, str]]:
    return [(lot["points"], lot["expires_at"]) for lot in desk.points(member)["expiring"]]


@pytest.mark.rule("L10")
def test_lots_move_with_their_expiry(desk: Desk) -> None:
    giver, receiver = uuid4(), uuid4()
    earn(desk, giver, 100, wait=-DAY)
    earn(desk, giver, 50, wait=-DAY, lasts=DAY)
    made = transfer(desk, giver, receiver, 80, note="Hi").body
    assert expiring(desk, giver) == [(70, "2026-05-09T04:00:00Z")]
    assert expiring(desk, receiver) == [(50, "2026-03-11T04:00:00Z"), (30, "2026-05-09T04:00:00Z")]
    (out,) = [entry for entry in desk.journal(giver) if entry["type"] == "transfer_out"]
    (into,) = desk.journal(receiver)
    assert (out["points"], into["type"], into["points"]) == (-80, "transfer_in", 80)
    assert out["reference"] == into["reference"] == {"kind": "transfer", "id": made["transfer_id"]}
    rows = desk.database.query(
        "SELECT member_id, debit, credit, counterparty_id FROM postings"
        " WHERE counterparty_id IS NOT NULL ORDER BY debit"
    )
    assert [tuple(row) for row in rows] == [
        (giver, "available", "transferred", receiver),
        (receiver, "transferred", "available", giver),
    ]
    (fact,) = desk.events("points.transferred")
    assert (fact["from_member_id"], fact["to_member_id"]) == (str(giver), str(receiver))
    assert desk.verify()["ok"]


@pytest.mark.rule("L4", "L10")
def test_moved_lots_lapse_at_the_receiver(desk: Desk) -> None:
    giver, receiver = uuid4(), uuid4()
    earn(desk, giver, 100, wait=-DAY, lasts=DAY)
    transfer(desk, giver, receiver, 60)
    desk.clock.advance(days=1)
    assert desk.available(receiver) == 0
    desk.service.expire_lots()
    assert [entry["type"] for entry in desk.journal(receiver)] == ["transfer_in", "expire"]
    assert desk.verify()["ok"]


@pytest.mark.rule("L6", "L10")
def test_points_received_repay_debt_first(desk: Desk) -> None:
    giver, receiver = uuid4(), uuid4()
    earn(desk, giver, 100, wait=-DAY)
    claw(desk, receiver, 25, [])
    transfer(desk, giver, receiver, 60)
    balances = desk.points(receiver)["balances"]
    assert (balances["available"], balances["debt"]) == (35, 0)
    assert desk.verify()["ok"]


@pytest.mark.rule("L10")
def test_transfer_is_refused_without_effect(desk: Desk) -> None:
    giver, receiver = uuid4(), uuid4()
    earn(desk, giver, 100, wait=-DAY)
    earn(desk, giver, 100)
    for other, points, code in (
        (receiver, 101, "insufficient_points"),
        (giver, 5, "validation_failed"),
    ):
        assert refusal_of(partial(transfer, desk, giver, other, points)).code == code
    unknown = partial(transfer, desk, giver, receiver, 5, exists=False)
    assert refusal_of(unknown).code == "unknown_member"
    assert desk.available(giver) == 100


@pytest.mark.rule("L10")
@pytest.mark.parametrize("frozen", [0, 1])
def test_both_members_must_be_active(desk: Desk, frozen: int) -> None:
    both = [uuid4(), uuid4()]
    earn(desk, both[0], 100, wait=-DAY)
    news = {"member_id": both[frozen], "changed": ["status"], "status": "frozen"}
    desk.hear(members.UPDATED, both[frozen], news)
    assert refusal_of(partial(transfer, desk, both[0], both[1], 5)).code == "account_frozen"
    # How somebody else's account stands is no member's business: it is like nobody's.
    giver = Actor("member", str(both[0]))
    as_member = partial(transfer, desk, both[0], both[1], 5, actor=giver)
    assert refusal_of(as_member).code == ("account_frozen", "unknown_member")[frozen]


@pytest.mark.rule("L10")
def test_member_gives_so_many_points_a_local_day(desk: Desk) -> None:
    giver, receiver = uuid4(), uuid4()
    earn(desk, giver, 300_000, wait=-DAY)
    transfer(desk, giver, receiver, 60_000)
    refusal = refusal_of(partial(transfer, desk, giver, receiver, 40_001))
    assert (refusal.code, refusal.status) == ("transfer_limit_exceeded", 422)
    assert refusal.extra["points_left"] == 40_000
    transfer(desk, giver, receiver, 40_000)
    transfer(desk, receiver, giver, 100_000)
    desk.clock.advance(hours=12)
    transfer(desk, giver, receiver, 100_000)
    assert desk.verify()["ok"]


def test_transfers_are_listed_for_either_side(desk: Desk) -> None:
    first, second, third = uuid4(), uuid4(), uuid4()
    earn(desk, first, 100, wait=-DAY)
    one = transfer(desk, first, second, 50).body
    two = transfer(desk, second, third, 20).body
    listed = [
        desk.call(transfers.LIST, {"member_id": member and str(member)}).body["items"]
        for member in (None, first, second, third)
    ]
    assert listed == [[two, one], [one], [two, one], [two]]
    assert desk.call(transfers.GET, {"transfer_id": one["transfer_id"]}).body == one
    page = desk.call(transfers.LIST, {"limit": 1}).body
    assert desk.call(transfers.LIST, {"after": page["next"]}).body["items"] == [one]
