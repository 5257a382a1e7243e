"""The sweep of many accounts says what each account's own expiry would (L4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from services.points.use_cases import expiry
from shared.clock import rfc3339
from tests.integration.points.desk import START, Desk, line

GIFT = [line("1", 1_000_000, kind="gift_card")]
LAPSE = datetime(2027, 3, 31, 16, tzinfo=UTC)
_JOURNAL = """
SELECT t.number, t.type, t.reference_kind, t.line_id, t.rule, t.points, t.balance_after,
    t.occurred_at, t.posted_at, t.reason_code, t.actor, t.explain, p.seq, p.debit, p.credit,
    p.points AS moved, p.counterparty_id, x.seq AS part, x.points AS of_lot, l.points AS lot_points,
    l.remaining, l.expires_at, t.reference_id = l.lot_id::text AS of_that_lot
FROM transactions t
LEFT JOIN postings p USING (member_id, number)
LEFT JOIN lot_entries x USING (member_id, number)
LEFT JOIN lots l USING (member_id, lot_id)
WHERE t.member_id = :member ORDER BY t.number, x.seq
"""
_FACTS = """
SELECT type, version, sequence, occurred_at, recorded_at, data->>'points' AS points,
    data->>'expired_at' AS expired_at, data->>'member_id' = subject AS of_the_member,
    data - 'member_id' - 'transaction_id' - 'sale_id' AS rest,
    (SELECT t.number FROM transactions t WHERE t.transaction_id::text = data->>'transaction_id')
FROM outbox WHERE subject = :subject AND type LIKE 'points.%' ORDER BY sequence
"""
_ACCOUNT = """
SELECT pending, available, held, debt, earned, redeemed, expired, clawed_back, adjusted,
    last_number, next_lapse_at FROM accounts WHERE member_id = :member
"""


def written(desk: Desk, member: UUID) -> dict[str, list[Any]]:
    query = desk.database.query
    return {
        "journal": query(_JOURNAL, member=member),
        "facts": query(_FACTS, subject=str(member)),
        "account": query(_ACCOUNT, member=member),
    }


def live(desk: Desk, member: UUID) -> None:
    """Let a member earn lots of several dates, spend of them, and have one that lapses mid-day."""
    desk.clock.move_to(START - timedelta(days=40))
    desk.sell(10_000, member=member)
    desk.clock.move_to(START)
    for net in (30_000, 20_000, 100):
        desk.sell(net, member=member)
    spent = f"spent-{member}"
    desk.sell(lines=GIFT, member=member, points_to_redeem=350, sale_id=spent)
    desk.sell(7_000, member=member, occurred_at=rfc3339(START - timedelta(days=2)))


@pytest.mark.rule("L4")
def test_sweep_writes_what_each_account_would_by_itself(desk: Desk) -> None:
    swept, touched = uuid4(), uuid4()
    for member in (swept, touched):
        live(desk, member)
    # A lot that came home for thirty days from a moment of the day, to the microsecond.
    desk.database.query(
        "UPDATE lots SET expires_at = '2027-03-05T01:02:03.000450Z' WHERE points = 1 RETURNING 1"
    )
    desk.database.query("UPDATE accounts SET next_lapse_at = '2027-02-28T16:00:00Z' RETURNING 1")
    desk.clock.move_to(LAPSE)
    with desk.database.engine.begin() as other:
        lock = sa.text("SELECT 1 FROM accounts WHERE member_id = :one FOR UPDATE")
        other.execute(lock, {"one": swept})
        desk.service.db.run(expiry.settle_due)
    assert len(desk.events("points.expired")) == 2
    desk.service.db.run(expiry.expire_lots, lots=100)
    assert len(desk.events("points.expired")) == 4
    assert written(desk, swept) == written(desk, touched)
    assert desk.verify()["ok"]


@pytest.mark.rule("L4")
def test_slice_holds_about_as_many_lots_as_it_may(desk: Desk) -> None:
    members = [uuid4() for _ in range(4)]
    for member in members:
        for _ in range(3):
            desk.sell(10_000, member=member)
    desk.clock.move_to(LAPSE)
    slices = [desk.service.db.run(expiry.expire_lots, lots=10) for _ in range(3)]
    assert slices == [2, 2, 0]
    assert [desk.available(member) for member in members] == [0] * 4
    assert desk.verify()["ok"]


@pytest.mark.rule("L4")
def test_account_with_more_lots_than_a_slice_is_swept_at_once(desk: Desk) -> None:
    member = uuid4()
    for _ in range(3):
        desk.sell(10_000, member=member)
    desk.clock.move_to(LAPSE)
    assert desk.service.db.run(expiry.expire_lots, lots=1) == 1
    assert [fact["points"] for fact in desk.events("points.expired")] == [300]
    assert desk.verify()["ok"]


@pytest.mark.rule("L4")
def test_lots_that_lapse_together_are_one_entry_of_the_statement(desk: Desk) -> None:
    member = uuid4()
    for net in (10_000, 20_000):
        desk.sell(net, member=member)
    desk.clock.move_to(LAPSE)
    desk.service.expire_lots()
    *earned, expired = desk.journal(member)
    assert (expired["type"], expired["points"], expired["balance_after"]) == ("expire", -300, 0)
    lots = [(part["lot_id"], -part["points"]) for part in expired["lots"]]
    came = [(part["lot_id"], part["points"]) for entry in earned for part in entry["lots"]]
    assert lots == came
    assert expired["reference"] == {"kind": "lot", "id": lots[0][0]}
