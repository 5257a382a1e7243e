from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from shared.contracts.tiers import rpc as contract
from shared.ids import new_id
from tests.integration.tiers.harness import START, Tiers, cancelled, enrolled, returned, sold

HOUR = timedelta(hours=1)


@pytest.mark.rule("T1", "T8")
def test_enrolment_gives_the_entry_tier_and_tells_its_multiplier(tiers: Tiers) -> None:
    member_id = new_id()
    tiers.hear(enrolled(member_id))
    assert tiers.changes() == [
        {
            "member_id": str(member_id),
            "from_tier": None,
            "tier": "BRONZE",
            "rank": 0,
            "multiplier": "1",
            "source": "earned",
            "effective_from": "2026-03-01T04:00:00Z",
            "reason": "enrolled",
        }
    ]
    assert tiers.tier(member_id) == {
        "member_id": str(member_id),
        "tier": {"code": "BRONZE", "name": "Bronze", "rank": 0},
        "source": "earned",
        "multiplier": "1",
        "since": "2026-03-01T04:00:00Z",
        "review_on": "2027-03-01",
        "grace_until": None,
        "progress": {
            "metric": "qualifying_points",
            "window": {"type": "rolling", "months": 12},
            "have": 0,
            "keep": 0,
            "next": {"code": "SILVER", "need": 1_000, "missing": 1_000},
        },
        "override": None,
        "benefits": [],
    }


@pytest.mark.rule("T1")
def test_member_not_heard_of_has_the_entry_tier_since_enrolment(tiers: Tiers) -> None:
    body = tiers.call(
        contract.MEMBER_TIER,
        {"member_id": str(new_id()), "enrolled_at": "2026-02-28T17:00:00Z"},
    )
    assert (body["tier"]["code"], body["since"], body["review_on"]) == (
        "BRONZE",
        "2026-02-28T17:00:00Z",
        "2027-03-01",
    )


@pytest.mark.rule("T3", "T8")
def test_one_unit_of_spend_over_the_threshold_raises_at_once(tiers: Tiers) -> None:
    member_id = new_id()
    tiers.hear(enrolled(member_id))
    tiers.hear(sold(member_id, "s-1", 499_999, START))
    before = tiers.tier(member_id)
    assert before["tier"]["code"] == "SILVER"
    assert before["progress"]["have"] == 4_999
    assert before["progress"]["next"] == {"code": "GOLD", "need": 5_000, "missing": 1}
    tiers.clock.advance(hours=1)
    tiers.hear(sold(member_id, "s-2", 100, START + HOUR))
    after = tiers.tier(member_id)
    assert after["tier"] == {"code": "GOLD", "name": "Gold", "rank": 2}
    assert after["progress"] == {
        "metric": "qualifying_points",
        "window": {"type": "rolling", "months": 12},
        "have": 5_000,
        "keep": 5_000,
        "next": {"code": "PLATINUM", "need": 20_000, "missing": 15_000},
    }
    change = tiers.changes()[-1]
    assert (change["from_tier"], change["tier"], change["multiplier"]) == ("SILVER", "GOLD", "1.25")
    assert change["effective_from"] == "2026-03-01T05:00:00Z"
    rows = tiers.history(member_id)
    assert [(row["from_tier"], row["tier"], row["sale_id"], row["have"]) for row in rows] == [
        (None, "BRONZE", None, 0),
        ("BRONZE", "SILVER", "s-1", 4_999),
        ("SILVER", "GOLD", "s-2", 5_000),
    ]


@pytest.mark.rule("T3")
def test_sale_of_a_member_not_heard_of_starts_and_raises_it(tiers: Tiers) -> None:
    member_id = new_id()
    tiers.hear(sold(member_id, "s-1", 2_000_000))
    tiers.hear(enrolled(member_id))
    assert [(row["from_tier"], row["tier"]) for row in tiers.history(member_id)] == [
        (None, "BRONZE"),
        ("BRONZE", "PLATINUM"),
    ]
    assert tiers.tier(member_id)["progress"]["next"] is None


def test_sale_without_member_counts_for_nobody(tiers: Tiers) -> None:
    sale = sold(None, "s-1", 2_000_000)
    tiers.hear(sale)
    tiers.hear(returned(sale, "r-1", 100))
    tiers.hear(cancelled(sale))
    assert tiers.changes() == []
    assert tiers.database.query("SELECT count(*) FROM contributions")[0][0] == 0


@pytest.mark.rule("T3")
def test_return_lowers_progress_and_leaves_the_tier(tiers: Tiers) -> None:
    member_id = new_id()
    sale = sold(member_id, "s-1", 100_050)
    tiers.hear(sale)
    tiers.hear(returned(sale, "r-1", 100, START + HOUR))
    assert tiers.tier(member_id)["progress"]["have"] == 999
    tiers.hear(returned(sale, "r-2", 100_050, START + 2 * HOUR))
    body = tiers.tier(member_id)
    assert (body["tier"]["code"], body["progress"]["have"]) == ("SILVER", 0)
    assert body["progress"]["keep"] == 1_000


@pytest.mark.rule("T3")
def test_cancel_takes_all_of_a_sale_back_even_after_a_return(tiers: Tiers) -> None:
    member_id = new_id()
    sale = sold(member_id, "s-1", 50_000)
    tiers.hear(sale)
    tiers.hear(sold(member_id, "s-2", 10_000))
    tiers.hear(cancelled(sale, START + HOUR))
    tiers.hear(returned(sale, "r-1", 1_000, START + HOUR / 2))
    assert tiers.tier(member_id)["progress"]["have"] == 100


@pytest.mark.rule("T3")
def test_return_heard_of_before_its_sale_gives_the_same_result(tiers: Tiers) -> None:
    in_order, overtaken = new_id(), new_id()
    for member_id, prefix in ((in_order, "a"), (overtaken, "b")):
        first = sold(member_id, f"{prefix}-1", 60_000, START)
        second = sold(member_id, f"{prefix}-2", 40_000, START + HOUR)
        back = returned(first, f"{prefix}-r", 60_000, START + 2 * HOUR)
        facts = [first, second, back] if member_id == in_order else [back, second, first]
        tiers.clock.move_to(START + 3 * HOUR)
        for fact in facts:
            tiers.hear(fact)
    for member_id in (in_order, overtaken):
        body = tiers.tier(member_id)
        assert (body["tier"]["code"], body["progress"]["have"]) == ("SILVER", 400)
        assert body["since"] == "2026-03-01T05:00:00Z"


@pytest.mark.rule("L7")
def test_event_delivered_again_counts_once(tiers: Tiers) -> None:
    member_id = new_id()
    sale = sold(member_id, "s-1", 100_000)
    for fact in (sale, sale, returned(sale, "r-1", 50_000)):
        tiers.hear(fact)
        tiers.hear(fact)
    assert tiers.tier(member_id)["progress"]["have"] == 500
    assert [change["tier"] for change in tiers.changes()] == ["BRONZE", "SILVER"]


@pytest.mark.rule("T2")
def test_sale_leaves_the_window_twelve_months_later_to_the_microsecond(tiers: Tiers) -> None:
    member_id = new_id()
    tiers.hear(sold(member_id, "s-1", 50_000, START))
    leaves = START.replace(year=2027)
    tiers.clock.move_to(leaves - timedelta(microseconds=1))
    assert tiers.tier(member_id)["progress"]["have"] == 500
    tiers.clock.move_to(leaves)
    assert tiers.tier(member_id)["progress"]["have"] == 0


@pytest.mark.rule("T2")
def test_sales_that_were_never_in_one_window_do_not_add_up(tiers: Tiers) -> None:
    member_id = new_id()
    tiers.hear(sold(member_id, "s-1", 60_000, START))
    later = START.replace(year=2027)
    tiers.clock.move_to(later)
    tiers.hear(sold(member_id, "s-2", 60_000, later))
    body = tiers.tier(member_id)
    assert (body["tier"]["code"], body["progress"]["have"]) == ("BRONZE", 600)


@pytest.mark.rule("T3")
def test_late_sale_raises_from_the_instant_that_reached_the_level(tiers: Tiers) -> None:
    member_id = new_id()
    tiers.hear(enrolled(member_id, START - 10 * HOUR))
    tiers.hear(sold(member_id, "s-2", 60_000, START))
    tiers.clock.advance(hours=5)
    tiers.hear(sold(member_id, "s-1", 40_000, START - HOUR))
    row = tiers.history(member_id)[-1]
    assert (row["tier"], row["sale_id"]) == ("SILVER", "s-2")
    assert row["effective_from"] == "2026-03-01T04:00:00Z"
    assert row["recorded_at"] == "2026-03-01T09:00:00Z"


@pytest.mark.rule("T3")
def test_review_is_twelve_months_after_the_last_change(tiers: Tiers) -> None:
    member_id = new_id()
    tiers.hear(enrolled(member_id))
    tiers.clock.advance(days=40)
    tiers.hear(sold(member_id, "s-1", 100_000, tiers.clock.now()))
    assert tiers.tier(member_id)["review_on"] == "2027-04-10"


@pytest.mark.rule("T3")
def test_parallel_sales_of_one_member_raise_it_exactly_once(tiers: Tiers) -> None:
    member_id = new_id()
    tiers.hear(enrolled(member_id))
    facts = [sold(member_id, f"s-{number}", 50_000) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tiers.hear, facts))
    body = tiers.tier(member_id)
    assert (body["tier"]["code"], body["progress"]["have"]) == ("SILVER", 4_000)
    assert [row["tier"] for row in tiers.history(member_id)] == ["BRONZE", "SILVER"]


@pytest.mark.rule("T3")
def test_parallel_first_facts_of_one_member_start_it_once(tiers: Tiers) -> None:
    member_id = new_id()
    facts = [enrolled(member_id)]
    facts += [sold(member_id, f"s-{number}", 100_000) for number in range(5)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(tiers.hear, facts))
    tiers_so_far = [row["tier"] for row in tiers.history(member_id)]
    assert tiers_so_far == ["BRONZE", "SILVER", "GOLD"]
    assert [change["tier"] for change in tiers.changes()] == tiers_so_far


@pytest.mark.rule("A4")
def test_history_comes_newest_first_in_pages(tiers: Tiers) -> None:
    member_id = new_id()
    for number, payable in enumerate((100_000, 400_000, 1_500_000)):
        tiers.hear(sold(member_id, f"s-{number}", payable, START))
    tiers.hear(sold(new_id(), "other", 100_000))
    seen, after = [], None
    for _ in range(2):
        page = tiers.call(
            contract.TIER_HISTORY, {"member_id": str(member_id), "limit": 2, "after": after}
        )
        seen += [item["tier"] for item in page["items"]]
        after = page["next"]
    assert after is None
    assert seen == ["PLATINUM", "GOLD", "SILVER", "BRONZE"]
