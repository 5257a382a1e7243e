"""Members hear of points about to lapse 30, 7 and 1 days ahead (L4)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from services.points.use_cases import notices
from shared.contracts.points import expiry as expiry_contract
from tests.integration.points.desk import Desk, line

GIFT = [line("1", 1_000_000, kind="gift_card")]
LAPSE = datetime(2027, 3, 31, 16, tzinfo=UTC)
DAY = timedelta(days=1)


def told(desk: Desk) -> list[tuple[int, int, str]]:
    return [
        (fact["points"], fact["days_left"], fact["expires_on"])
        for fact in desk.events("points.expiring")
    ]


@pytest.mark.rule("L4")
def test_member_hears_30_7_and_1_days_ahead_once_each(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30_000, member=member)
    desk.sell(10_000, member=member)
    last_day = date(2027, 3, 31)
    for days in (40, 31, 30, 29, 8, 7, 6, 2, 1, 0):
        # The first and the last instants of the local day so many days before the last.
        begins = datetime(2027, 3, 30, 16, tzinfo=UTC) - days * DAY
        for instant in (begins, begins + DAY - timedelta(microseconds=1)):
            desk.clock.move_to(instant)
            desk.service.notice_expiring()
    assert told(desk) == [(400, days, last_day.isoformat()) for days in (30, 7, 1)]
    fact = desk.events("points.expiring")[0]
    assert (fact["member_id"], fact["expires_at"]) == (str(member), "2027-03-31T16:00:00Z")


@pytest.mark.rule("L4")
def test_nothing_is_said_of_what_was_spent_or_is_gone(desk: Desk) -> None:
    spender, part, rest = uuid4(), uuid4(), uuid4()
    for member in (spender, part, rest):
        desk.sell(30_000, member=member)
    desk.sell(lines=GIFT, member=spender, points_to_redeem=300)
    desk.sell(lines=GIFT, member=part, points_to_redeem=100)
    desk.clock.move_to(LAPSE - 8 * DAY)
    desk.service.notice_expiring()
    assert sorted(told(desk)) == [(200, 7, "2027-03-31"), (300, 7, "2027-03-31")]
    desk.clock.move_to(LAPSE)
    desk.service.notice_expiring()
    assert len(told(desk)) == 2


@pytest.mark.rule("L4")
def test_of_notices_that_were_missed_only_the_nearest_is_given(desk: Desk) -> None:
    desk.service.notice_expiring()
    desk.sell(30_000, member=uuid4())
    desk.clock.move_to(LAPSE - 6 * DAY)
    desk.service.notice_expiring()
    assert told(desk) == [(300, 5, "2027-03-31")]
    desk.clock.move_to(LAPSE - DAY - timedelta(seconds=1))
    desk.service.notice_expiring()
    assert told(desk)[1:] == [(300, 1, "2027-03-31")]


@pytest.mark.rule("L4")
def test_points_that_come_late_are_not_spoken_of_before_their_next_notice(desk: Desk) -> None:
    desk.clock.move_to(LAPSE - 20 * DAY)
    desk.service.notice_expiring()
    desk.sell(30_000, member=uuid4())
    desk.database.query(f"UPDATE lots SET expires_at = '{LAPSE}' RETURNING 1")  # noqa: S608
    desk.database.query(f"UPDATE accounts SET next_lapse_at = '{LAPSE}' RETURNING 1")  # noqa: S608
    desk.clock.advance(days=1)
    desk.service.notice_expiring()
    assert told(desk) == []
    desk.clock.move_to(LAPSE - 8 * DAY)
    desk.service.notice_expiring()
    assert told(desk) == [(300, 7, "2027-03-31")]


@pytest.mark.rule("L4")
def test_several_instants_of_one_member_are_told_in_order(desk: Desk) -> None:
    member = uuid4()
    desk.sell(10_000, member=member)
    desk.sell(20_000, member=member)
    desk.database.query(
        "UPDATE lots SET expires_at = '2027-03-11T04:05:06.5Z' WHERE points = 200 RETURNING 1"
    )
    desk.database.query("UPDATE accounts SET next_lapse_at = '2027-03-11T04:05:06.5Z' RETURNING 1")
    desk.clock.move_to(datetime(2027, 3, 9, 16, tzinfo=UTC))
    desk.service.notice_expiring()
    assert told(desk) == [(200, 1, "2027-03-11"), (100, 21, "2027-03-31")]
    rows = desk.database.query("SELECT sequence FROM outbox WHERE type LIKE 'points.%' ORDER BY id")
    assert [row.sequence for row in rows] == sorted(row.sequence for row in rows)
    assert desk.events("points.expiring")[0]["expires_at"] == "2027-03-11T04:05:06.500000Z"


@pytest.mark.rule("L4")
def test_round_goes_on_where_it_was_interrupted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        desk.sell(30_000, member=uuid4())
    desk.clock.move_to(LAPSE - 8 * DAY)
    monkeypatch.setattr(notices, "ACCOUNTS_AT_ONCE", 2)
    programme = desk.service.programme
    assert desk.service.db.run(notices.notice_expiring, programme=programme) == 2
    assert len(told(desk)) == 2
    desk.clock.advance(hours=1)
    desk.service.notice_expiring()
    assert told(desk) == [(300, 7, "2027-03-31")] * 5


@pytest.mark.rule("L4", "L12")
def test_notices_wait_until_lots_say_how_long_they_last(desk: Desk) -> None:
    desk.sell(30_000, member=uuid4())
    desk.clock.move_to(LAPSE - 8 * DAY)
    now = desk.clock.now().isoformat().replace("+00:00", "Z")
    draft = {"months": 24, "round_to": "month_end", "effective_from": now}
    desk.call(expiry_contract.ANNOUNCE_EXPIRY_CHANGE, draft)
    desk.service.notice_expiring()
    desk.service.extend_lots()
    desk.service.notice_expiring()
    assert told(desk) == []
