from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.integration.points.desk import Desk, line, refusal_of

GIFT = [line("1", 1_000_000, kind="gift_card")]
LAPSE = datetime(2027, 3, 31, 16, tzinfo=UTC)


@pytest.mark.rule("L4")
def test_lapsed_points_are_gone_before_any_sweep(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30000, member=member)
    desk.clock.move_to(datetime(2027, 3, 31, 15, 59, 59, 999999, tzinfo=UTC))
    assert desk.available(member) == 300
    assert desk.points(member)["expiring"][0]["days_left"] == 0
    desk.clock.move_to(LAPSE)
    points = desk.points(member)
    assert points["balances"]["available"] == 0
    assert points["lifetime"] == {
        "earned": 300, "redeemed": 0, "expired": 300, "clawed_back": 0, "adjusted": 0,
    }  # fmt: skip
    assert points["expiring"] == []
    assert len(desk.journal(member)) == 1


@pytest.mark.rule("L4")
def test_lapsed_points_cannot_be_spent_before_any_sweep(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30000, member=member)
    desk.clock.move_to(LAPSE)
    refusal = refusal_of(lambda: desk.sell(lines=GIFT, member=member, points_to_redeem=100))
    assert (refusal.code, refusal.extra) == ("insufficient_points", {"available": 0})


@pytest.mark.rule("L4")
def test_write_sweeps_its_own_account_first(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30000, member=member)
    desk.clock.move_to(LAPSE)
    assert desk.sell(10000, member=member).body["balances"]["available"] == 100
    assert [(entry["type"], entry["points"]) for entry in desk.journal(member)] == [
        ("earn", 300),
        ("expire", -300),
        ("earn", 100),
    ]
    assert desk.verify()["ok"]


@pytest.mark.rule("L4", "L7")
def test_sweep_writes_the_lapse_of_a_lot_once_for_what_remains(desk: Desk) -> None:
    members = [uuid4() for _ in range(3)]
    for member in members:
        desk.sell(30000, member=member)
        desk.sell(20000, member=member)
        desk.sell(lines=GIFT, member=member, points_to_redeem=350)
    desk.clock.move_to(LAPSE)
    for _ in range(2):
        desk.service.expire_lots()
    for member in members:
        expired = [entry for entry in desk.journal(member) if entry["type"] == "expire"]
        assert [entry["points"] for entry in expired] == [-150]
        assert expired[0]["occurred_at"] == "2027-03-31T16:00:00Z"
    assert [fact["points"] for fact in desk.events("points.expired")] == [150] * 3
    assert desk.verify()["ok"]


@pytest.mark.rule("L4")
def test_sweep_leaves_accounts_in_use_alone(desk: Desk) -> None:
    busy, idle = uuid4(), uuid4()
    for member in (busy, idle):
        desk.sell(30000, member=member)
    desk.clock.move_to(LAPSE)
    with desk.database.engine.begin() as other:
        lock = sa.text("SELECT 1 FROM accounts WHERE member_id = :busy FOR UPDATE")
        other.execute(lock, {"busy": busy})
        desk.service.expire_lots()
    assert [len(desk.journal(member)) for member in (busy, idle)] == [1, 2]
    desk.service.expire_lots()
    assert len(desk.journal(busy)) == 2


@pytest.mark.rule("L4", "S5")
def test_sale_reported_after_its_points_lapsed_leaves_none(desk: Desk) -> None:
    member = uuid4()
    desk.allow_late_reports()
    body = desk.sell(30000, member=member, occurred_at="2024-12-31T00:00:00Z").body
    assert body["points"]["earned"] == 300
    assert body["balances"]["available"] == 0
    assert [entry["type"] for entry in desk.journal(member)] == ["earn", "expire"]
    assert desk.verify()["ok"]


@pytest.mark.rule("L4")
def test_later_lots_lapse_in_their_turn(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30000, member=member)
    desk.clock.advance(days=31)
    desk.sell(10000, member=member)
    desk.clock.move_to(LAPSE)
    desk.service.expire_lots()
    assert desk.available(member) == 100
    desk.clock.move_to(datetime(2027, 4, 30, 16, tzinfo=UTC))
    desk.service.expire_lots()
    assert desk.available(member) == 0
    assert [entry["points"] for entry in desk.journal(member)] == [300, 100, -300, -100]
