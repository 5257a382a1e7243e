"""A member's month: bounds, balances, pages, whatever the length of its history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.points import statements as contract
from tests.integration.points.desk import Desk, line, refusal_of

GIFT = [line("1", 1_000_000, kind="gift_card")]


def statement(desk: Desk, member: UUID, month: str, **page: Any) -> dict[str, Any]:
    payload = {"member_id": str(member), "exists": True, "month": month, "limit": 200} | page
    return desk.call(contract.STATEMENT, payload).body


def frame(found: dict[str, Any]) -> tuple[int, list[int], int]:
    points = [item["points"] for item in found["items"]]
    return found["opening_balance"], points, found["closing_balance"]


def test_month_begins_and_ends_at_local_midnight(desk: Desk) -> None:
    member = uuid4()
    midnight = datetime(2026, 3, 31, 16, tzinfo=UTC)
    desk.sell(10_000, member=member)
    desk.clock.move_to(midnight.replace(hour=15, minute=59, second=59, microsecond=999_999))
    desk.sell(20_000, member=member)
    desk.clock.move_to(midnight)
    desk.sell(30_000, member=member)
    desk.clock.advance(days=3)
    desk.sell(lines=GIFT, member=member, points_to_redeem=150)
    march, april = statement(desk, member, "2026-03"), statement(desk, member, "2026-04")
    assert frame(march) == (0, [100, 200], 300)
    assert frame(april) == (300, [300, -150], 450)
    assert (march["begins_at"], march["ends_at"]) == (
        "2026-02-28T16:00:00Z",
        "2026-03-31T16:00:00Z",
    )
    assert april["totals"] == [{"type": "earn", "points": 300}, {"type": "redeem", "points": -150}]
    assert frame(statement(desk, member, "2026-02")) == (0, [], 0)
    assert [part["expires_on"] for part in april["lapses_next"]] == ["2027-03-31", "2027-04-30"]


def test_entries_say_why_and_of_which_lots(desk: Desk) -> None:
    member = uuid4()
    desk.sell(10_000, member=member, sale_id="s1")
    desk.give_back("s1", {"1": (1, 10_000)}, return_id="r1")
    earned, clawed = statement(desk, member, "2026-03")["items"]
    assert earned["reference"] == {"kind": "sale", "id": "s1"}
    assert clawed["reference"] == {"kind": "return", "id": "s1/r1"}
    assert (clawed["reason_code"], clawed["balance_after"]) == ("customer_return", 0)
    assert [lot["lot_id"] for lot in clawed["lots"]] == [lot["lot_id"] for lot in earned["lots"]]


def test_pages_hold_the_month_and_nothing_else(desk: Desk) -> None:
    member = uuid4()
    for _ in range(7):
        desk.sell(10_000, member=member)
    desk.clock.advance(days=40)
    desk.sell(20_000, member=member)
    found, after = list[int](), None
    while True:
        page = statement(desk, member, "2026-03", limit=3, after=after)
        assert (page["entries"], page["closing_balance"]) == (7, 700)
        found += [item["points"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert found == [100] * 7


def test_month_to_come_and_unknown_member_are_not_found(desk: Desk) -> None:
    member = uuid4()
    assert refusal_of(lambda: statement(desk, member, "2026-04")).code == "not_found"
    assert refusal_of(lambda: statement(desk, member, "2026-03", exists=False)).code == "not_found"
    assert frame(statement(desk, member, "2026-03")) == (0, [], 0)


@pytest.mark.parametrize(
    "month", ["2026-13", "2026-00", "26-01", "2026-1", "2026-01-01", "9999-12"]
)
def test_month_that_is_none_is_refused(desk: Desk, month: str) -> None:
    refusal = refusal_of(lambda: statement(desk, uuid4(), month))
    assert refusal.code == "validation_failed"


def test_entries_out_of_order_at_a_months_end_are_in_one_month_only(desk: Desk) -> None:
    member = uuid4()
    for _ in range(20):
        desk.sell(10_000, member=member)
    moved = (
        "SET LOCAL session_replication_role = replica; UPDATE transactions SET posted_at = CASE"
        " WHEN number IN (9, 11, 12) THEN timestamptz '2026-03-31T15:59:59.9Z'"
        " WHEN number IN (8, 10) OR number > 12 THEN timestamptz '2026-03-31T16:00:00.1Z'"
        " ELSE posted_at END"
    )
    desk.database.query(moved)
    desk.clock.advance(days=60)
    march, april = statement(desk, member, "2026-03"), statement(desk, member, "2026-04")
    assert march["entries"] + april["entries"] == 20
    assert march["closing_balance"] == april["opening_balance"] == 1200


def test_page_reads_as_little_of_a_long_history_as_of_a_short_one(desk: Desk) -> None:
    short, long = uuid4(), uuid4()
    for member in (short, long):
        for _ in range(6):
            desk.sell(100, member=member)
    desk.database.query(_LENGTHEN, member=long)
    read = [_rows_read(desk, member) for member in (short, long)]
    assert read[0] > 0
    assert read[1] < read[0] + 100


_LENGTHEN = """
SET LOCAL session_replication_role = replica;
UPDATE transactions SET number = number + 4000 WHERE member_id = :member;
INSERT INTO transactions (member_id, number, transaction_id, type, reference_kind, reference_id,
    line_id, rule, points, balance_after, occurred_at, posted_at, actor, request_id)
SELECT :member, n, gen_random_uuid(), 'earn', 'sale', 'x' || n, '', '', 0, 0, '2020-01-01',
    '2020-01-01', 'x', 'x' FROM generate_series(1, 4000) n;
UPDATE accounts SET last_number = 4006 WHERE member_id = :member
"""


def _rows_read(desk: Desk, member: UUID) -> int:
    """Return how many rows of transactions a page makes the database read."""
    count = (
        "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)"
        " FROM pg_stat_user_tables WHERE relname = 'transactions'"
    )
    desk.database.engine.dispose()  # a session's counts are told at its end
    before = desk.database.query(count)[0][0]
    statement(desk, member, "2026-03", limit=5)
    desk.database.engine.dispose()
    return int(desk.database.query(count)[0][0]) - int(before)
