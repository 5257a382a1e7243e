from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.tiers import use_cases
from shared.ids import new_id
from tests.integration.tiers.harness import START, Tiers, enrolled, returned, sold, updated

DAY = timedelta(days=1)
AFTER_REVIEW = datetime(2027, 3, 1, 16, tzinfo=UTC)
"""The end of 1 March 2027 in Shanghai, twelve months after `START`."""
AFTER_GRACE = AFTER_REVIEW + 30 * DAY


def buy(tiers: Tiers, yuan: int, *, sale_id: str | None = None) -> UUID:
    member_id = new_id()
    tiers.hear(enrolled(member_id))
    tiers.hear(sold(member_id, sale_id or str(member_id), yuan * 100))
    return member_id


def reasons(tiers: Tiers, member_id: UUID) -> list[tuple[str, str, int, int | None]]:
    shown = ("reason", "tier", "have", "keep")
    return [tuple(row[name] for name in shown) for row in tiers.history(member_id)]


@pytest.mark.rule("T3", "T5")
def test_member_at_the_edge_keeps_gold_until_its_review_and_then_falls_one_level(
    tiers: Tiers,
) -> None:
    member_id = buy(tiers, 4_999, sale_id="s-1")
    tiers.hear(sold(member_id, "s-2", 100))
    assert tiers.tier(member_id)["tier"]["code"] == "GOLD"
    tiers.clock.advance(days=1)
    tiers.hear(returned(sold(member_id, "s-1", 499_900), "r-1", 1_000, tiers.clock.now()))
    body = tiers.tier(member_id)
    assert (body["tier"]["code"], body["progress"]["have"]) == ("GOLD", 4_990)
    tiers.hear(sold(member_id, "s-3", 499_000, START + 100 * DAY))
    tiers.pass_time(AFTER_REVIEW - timedelta(microseconds=1))
    body = tiers.tier(member_id)
    assert (body["tier"]["code"], body["grace_until"]) == ("GOLD", None)
    tiers.pass_time(AFTER_REVIEW)
    body = tiers.tier(member_id)
    assert (body["tier"]["code"], body["grace_until"]) == ("GOLD", "2027-03-31")
    tiers.pass_time(AFTER_GRACE - timedelta(microseconds=1))
    assert tiers.tier(member_id)["tier"]["code"] == "GOLD"
    tiers.pass_time(AFTER_GRACE)
    body = tiers.tier(member_id)
    assert (body["tier"]["code"], body["grace_until"]) == ("SILVER", None)
    assert (body["since"], body["review_on"]) == ("2027-03-31T16:00:00Z", "2028-04-01")
    assert reasons(tiers, member_id) == [
        ("enrolled", "BRONZE", 0, None),
        ("qualified", "SILVER", 4_999, 1_000),
        ("qualified", "GOLD", 5_000, 5_000),
        ("grace_started", "GOLD", 4_990, 5_000),
        ("review_failed", "SILVER", 4_990, 5_000),
    ]
    assert tiers.changes()[-1] == {
        "member_id": str(member_id),
        "from_tier": "GOLD",
        "tier": "SILVER",
        "rank": 1,
        "multiplier": "1.1",
        "source": "earned",
        "effective_from": "2027-03-31T16:00:00Z",
        "reason": "review_failed",
    }


@pytest.mark.rule("T3")
def test_notices_come_30_and_7_days_ahead_once_each_and_say_what_is_missing(tiers: Tiers) -> None:
    member_id = buy(tiers, 1_000)
    safe = buy(tiers, 1_000)
    tiers.hear(sold(safe, "safe", 100_000, START + 200 * DAY))
    tiers.hear(sold(member_id, "some", 30_000, START + 200 * DAY))
    for days_before in (31, 30, 30, 29, 8):
        tiers.pass_time(datetime(2027, 3, 1, 4, tzinfo=UTC) - days_before * DAY)
    notice = {
        "member_id": str(member_id),
        "tier": "SILVER",
        "review_on": "2027-03-01",
        "grace_until": "2027-03-31",
        "days_left": 30,
        "metric": "qualifying_points",
        "have": 300,
        "keep": 1_000,
        "missing": 700,
    }
    assert tiers.told("tier.review_due") == [notice]
    tiers.hear(sold(member_id, "more", 20_000, tiers.clock.now()))
    for days_before in (7, 6, -5, -40):
        tiers.pass_time(datetime(2027, 3, 1, 4, tzinfo=UTC) - days_before * DAY)
    assert tiers.told("tier.review_due") == [
        notice,
        {**notice, "days_left": 7, "have": 500, "missing": 500},
    ]


@pytest.mark.rule("T3")
def test_notice_that_would_come_after_the_review_is_not_sent(tiers: Tiers) -> None:
    buy(tiers, 1_000)
    tiers.pass_time(AFTER_REVIEW)
    assert tiers.told("tier.review_due") == []


@pytest.mark.rule("T3")
def test_sale_in_the_grace_keeps_the_tier_at_once(tiers: Tiers) -> None:
    member_id = buy(tiers, 1_000)
    tiers.pass_time(AFTER_REVIEW)
    tiers.hear(sold(member_id, "s-2", 100_000, AFTER_REVIEW))
    body = tiers.tier(member_id)
    assert (body["grace_until"], body["review_on"]) == (None, "2028-03-02")
    assert reasons(tiers, member_id)[-1] == ("review_passed", "SILVER", 1_000, 1_000)
    assert [each["tier"] for each in tiers.changes()] == ["BRONZE", "SILVER"]


@pytest.mark.rule("T3")
def test_answer_is_right_before_the_due_work_came_round(tiers: Tiers) -> None:
    member_id = buy(tiers, 1_000)
    tiers.clock.move_to(AFTER_GRACE)
    early = tiers.tier(member_id)
    assert early["tier"]["code"] == "BRONZE"
    tiers.service.due_work()
    assert tiers.tier(member_id) == early


@pytest.mark.rule("T3")
def test_late_sale_that_passes_the_review_corrects_the_downgrade(tiers: Tiers) -> None:
    member_id = buy(tiers, 1_000)
    tiers.pass_time(AFTER_GRACE)
    tiers.hear(sold(member_id, "offline", 100_000, AFTER_REVIEW - DAY))
    body = tiers.tier(member_id)
    assert (body["tier"]["code"], body["since"]) == ("SILVER", "2026-03-01T04:00:00Z")
    assert body["review_on"] == "2028-03-01"
    row = tiers.history(member_id)[-1]
    assert (row["reason"], row["from_tier"], row["tier"]) == ("corrected", "BRONZE", "SILVER")
    assert row["sale_id"] == "offline"
    # Those who follow one by one must not take it for older than the downgrade.
    assert tiers.changes()[-1]["effective_from"] == "2027-03-31T16:00:00Z"


@pytest.mark.rule("T3")
def test_return_from_before_the_sale_that_reached_the_tier_corrects_it(tiers: Tiers) -> None:
    member_id = new_id()
    tiers.hear(enrolled(member_id))
    first = sold(member_id, "s-1", 60_000)
    tiers.hear(first)
    tiers.hear(sold(member_id, "s-2", 40_000, START + 2 * DAY))
    assert tiers.tier(member_id)["tier"]["code"] == "SILVER"
    tiers.hear(returned(first, "r-1", 60_000, START + DAY))
    assert tiers.tier(member_id)["tier"]["code"] == "BRONZE"
    assert [row["reason"] for row in tiers.history(member_id)] == [
        "enrolled",
        "qualified",
        "corrected",
    ]


@pytest.mark.rule("T3")
def test_tier_of_a_frozen_member_stands_still_until_it_is_active_again(tiers: Tiers) -> None:
    member_id = buy(tiers, 1_000)
    tiers.hear(updated(member_id, "frozen", 5))
    tiers.hear(sold(member_id, "s-2", 900_000, START + DAY))
    tiers.pass_time(AFTER_GRACE + 100 * DAY)
    body = tiers.tier(member_id)
    assert (body["tier"]["code"], body["review_on"]) == ("SILVER", "2027-03-01")
    tiers.hear(updated(member_id, "frozen", 4))  # overtaken news changes nothing
    tiers.hear(updated(member_id, "active", 6))
    assert [row["reason"] for row in tiers.history(member_id)] == [
        "enrolled",
        "qualified",
        "qualified",
        "grace_started",
        "review_failed",
    ]
    assert tiers.tier(member_id)["tier"]["code"] == "SILVER"


@pytest.mark.rule("T3")
def test_review_of_many_goes_on_where_it_stopped(tiers: Tiers) -> None:
    members = [buy(tiers, 1_000) for _ in range(7)]
    tiers.pass_time(AFTER_REVIEW - DAY)
    tiers.clock.move_to(AFTER_REVIEW)
    zone = tiers.service._zone
    done = tiers.service.db.run(use_cases.review, time_zone=zone, limit=3)
    assert done == 3
    count = "SELECT count(*) FROM tier_states WHERE in_grace"
    assert tiers.database.query(count)[0][0] == 3
    while tiers.service.db.run(use_cases.review, time_zone=zone, limit=3):
        pass
    assert tiers.database.query(count)[0][0] == len(members)
    history = "SELECT count(*) FROM tier_history WHERE reason = 'grace_started'"
    assert tiers.database.query(history)[0][0] == len(members)


@pytest.mark.rule("T3")
def test_reviews_leave_out_whom_another_works_on_and_do_not_hold_up_reads(tiers: Tiers) -> None:
    busy, idle = buy(tiers, 1_000), buy(tiers, 1_000)
    tiers.clock.move_to(AFTER_REVIEW)
    with tiers.database.engine.begin() as connection:
        lock = "SELECT 1 FROM tier_states WHERE member_id = %s FOR UPDATE"
        connection.exec_driver_sql(lock, (str(busy),))
        tiers.service.due_work()
        assert reasons(tiers, idle)[-1][0] == "grace_started"
        assert reasons(tiers, busy)[-1][0] == "qualified"
        assert tiers.tier(busy)["grace_until"] == "2027-03-31"
    tiers.service.due_work()
    assert reasons(tiers, busy)[-1][0] == "grace_started"


@pytest.mark.rule("T2")
def test_enrolment_heard_of_after_the_first_sale_dates_the_beginning(tiers: Tiers) -> None:
    member_id = new_id()
    tiers.hear(sold(member_id, "s-1", 100, START + DAY))
    assert tiers.tier(member_id)["since"] == "2026-03-01T04:00:00Z"  # not later than now
    tiers.hear(enrolled(member_id, START - DAY))
    body = tiers.tier(member_id)
    assert (body["since"], body["review_on"]) == ("2026-02-28T04:00:00Z", "2027-02-28")
    assert [row["reason"] for row in tiers.history(member_id)] == ["enrolled"]
