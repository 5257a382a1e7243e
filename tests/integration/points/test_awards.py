"""What published rules make of sales: versions, caps, pending points, bonuses and returns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from shared.clock import rfc3339
from shared.contracts.identity import events as identity
from shared.contracts.members import events as members
from shared.contracts.points import rpc
from tests.integration.points.desk import SHOP, Desk, codes, in_parallel, line
from tests.integration.points.test_earning_rules import amend, publish, retire, write

BONUS: dict[str, Any] = {"kind": "threshold_bonus", "threshold_minor": 5000, "points": 100}
TWICE: dict[str, Any] = {"kind": "multiplier", "value": "2"}


def rule(desk: Desk, name: str = "r", **terms: Any) -> dict[str, Any]:
    return publish(desk, write(desk, name=name, **terms))


def earned(desk: Desk, *nets: int, **fields: Any) -> int:
    points: int = desk.sell(*nets, **({"member": uuid4()} | fields)).body["points"]["earned"]
    return points


@pytest.mark.rule("S1")
def test_returned_line_takes_back_exactly_what_it_earned(desk: Desk) -> None:
    rule(desk, kind="base", value="0.005", scope={"categories": ["books"]})
    member = uuid4()
    lines = [line("1", 4000), line("2", 2000, category="books")]
    body = desk.sell(lines=lines, member=member, sale_id="s").body
    assert body["points"]["earned"] == 50
    back = desk.give_back("s", {"2": (1, 2000)}).body
    assert back["points"] == {"clawed_back": 10, "restored": 0, "debt": 0, "uncollected": 0}
    assert desk.available(member) == 40
    assert desk.cancel("s").body["points"]["clawed_back"] == 40
    assert desk.verify()["ok"]


@pytest.mark.rule("E2")
def test_sale_is_judged_by_the_version_of_its_time(desk: Desk) -> None:
    first = rule(desk, **TWICE)
    before = rfc3339(desk.clock.now())
    desk.clock.advance(hours=2)
    publish(desk, amend(desk, first, value="3"))
    assert earned(desk, 1000) == 30
    late = desk.sell(1000, member=uuid4(), occurred_at=before).body
    assert late["points"]["earned"] == 20
    explained = late["explain"][1]
    assert (explained["rule"], explained["version"]) == ("r", 1)
    assert explained["rule_id"] == first["rule_id"]
    desk.clock.advance(hours=2)
    retire(desk, first)
    assert earned(desk, 1000) == 10
    assert earned(desk, 1000, occurred_at=before) == 20


@pytest.mark.rule("E2")
def test_announced_version_is_good_from_its_instant_on(desk: Desk) -> None:
    at = desk.clock.now() + timedelta(days=1)
    publish(desk, write(desk, name="r", **TWICE), effective_from=rfc3339(at))
    assert earned(desk, 1000) == 10
    desk.clock.advance(days=1)
    assert earned(desk, 1000) == 20


def test_another_process_hears_of_a_publication_at_its_next_sale(desk: Desk) -> None:
    other = Desk(desk.database, desk.clock.now())
    assert earned(other, 1000) == 10
    rule(desk, **TWICE)
    assert earned(other, 1000) == 20


@pytest.mark.rule("E5")
def test_points_wait_for_their_instant(desk: Desk) -> None:
    rule(desk, kind="base", value="0.01", pending_days=7, lot={"months": 1, "round_to": "day"})
    member = uuid4()
    body = desk.sell(10_000, member=member, sale_id="s").body
    assert body["points"] == {
        "earned": 100, "pending": 100, "redeemed": 0, "available_on": "2026-03-17",
    }  # fmt: skip
    assert body["balances"] == {"available": 0, "pending": 100, "held": 0, "debt": 0}
    assert desk.events("points.earned")[-1]["pending"] is True
    desk.give_back("s", {"1": (1, 4_000)})
    desk.clock.advance(days=7)
    assert desk.points(member)["balances"]["available"] == 60
    (lot,) = desk.points(member)["expiring"]
    assert lot["expires_on"] == "2026-04-10"


@pytest.mark.rule("E5")
def test_late_sale_whose_wait_is_over_is_usable_at_once(desk: Desk) -> None:
    rule(desk, kind="base", value="0.01", pending_days=1)
    at = rfc3339(desk.clock.now())
    desk.clock.advance(days=2)
    points = desk.sell(1000, member=uuid4(), occurred_at=at).body["points"]
    assert (points["pending"], points["available_on"]) == (0, "2026-03-11")


@pytest.mark.rule("S2", "L7")
def test_bonus_is_an_award_of_its_own_and_goes_when_its_threshold_is_missed(desk: Desk) -> None:
    bonus = rule(desk, **BONUS)
    member = uuid4()
    desk.sell(4000, 2000, member=member, sale_id="s")
    entries = desk.journal(member)
    assert [(entry["type"], entry["points"]) for entry in entries] == [("earn", 60), ("earn", 100)]
    kept = desk.give_back("s", {"2": (0, 1000)}).body
    assert kept["points"]["clawed_back"] == 10
    missed = desk.give_back("s", {"2": (0, 1)}).body
    assert missed["points"]["clawed_back"] == 100
    amend(desk, bonus, threshold_minor=1)
    publish(desk, {"rule_id": bonus["rule_id"]})
    assert desk.give_back("s", {"2": (0, 499)}).body["points"]["clawed_back"] == 5
    assert desk.cancel("s").body["points"]["clawed_back"] == 45
    assert desk.call(rpc.GET_SALE, {"sale_id": "s"}).body["points_clawed_back"] == 160
    assert desk.available(member) == 0
    assert desk.verify()["ok"]


@pytest.mark.rule("S2", "L6")
def test_bonus_that_was_spent_leaves_debt_that_the_next_earn_repays_first(desk: Desk) -> None:
    rule(desk, **BONUS)
    member = uuid4()
    desk.sell(5000, member=member, sale_id="s")
    gift = [line("1", 300, kind="gift_card")]
    desk.sell(lines=gift, member=member, points_to_redeem=150)
    back = desk.cancel("s").body
    assert back["points"] == {"clawed_back": 0, "restored": 0, "debt": 150, "uncollected": 0}
    after = desk.sell(20_000, member=member).body["balances"]
    assert (after["available"], after["debt"]) == (150, 0)


@pytest.mark.rule("E2", "E3")
def test_daily_cap_counts_the_local_day_of_the_sale(desk: Desk) -> None:
    rule(desk, **TWICE, caps={"per_member_per_day": 15})
    member = uuid4()
    today = rfc3339(desk.clock.now())
    assert earned(desk, 1000, member=member) == 20
    second = desk.sell(1000, member=member).body
    assert second["points"]["earned"] == 15
    assert second["explain"][1]["inputs"]["cap"] == "per_member_per_day"
    assert second["explain"][1]["inputs"]["cap_left"] == 5
    assert earned(desk, 1000) == 20
    # 16:00 UTC is midnight in Shanghai.
    desk.clock.advance(hours=12)
    assert earned(desk, 1000, member=member) == 20
    assert earned(desk, 1000, member=member, occurred_at=today) == 10


@pytest.mark.rule("E2")
def test_cap_of_the_month_outlasts_the_day(desk: Desk) -> None:
    rule(desk, **TWICE, caps={"per_member_per_month": 15})
    member = uuid4()
    assert earned(desk, 1000, member=member) == 20
    desk.clock.advance(days=3)
    assert earned(desk, 1000, member=member) == 15
    desk.clock.advance(days=20)
    assert earned(desk, 1000, member=member) == 20


@pytest.mark.rule("E2", "L8")
def test_total_cap_is_given_out_exactly_under_parallel_sales(desk: Desk) -> None:
    rule(desk, **BONUS, caps={"total": 750})
    answers = in_parallel(16, lambda _: desk.sell(5000, member=uuid4()).body)
    assert codes(answers) == []
    bonuses = sorted(body["points"]["earned"] - 50 for body in answers)
    assert bonuses == [0] * 8 + [50] + [100] * 7
    assert desk.database.query("SELECT used FROM rule_usage")[0].used == 750


@pytest.mark.rule("E2")
def test_batch_keeps_count_from_sale_to_sale(desk: Desk) -> None:
    rule(desk, **BONUS, caps={"per_member_per_day": 150, "total": 250})
    member, other = uuid4(), uuid4()
    sales = [desk.sale(5000, member=who) for who in (member, member, member, other)]
    results = desk.call(rpc.RECORD_SALES, {"sales": sales}).body["results"]
    assert [result["points"]["earned"] - 50 for result in results] == [100, 50, 0, 100]
    assert desk.verify()["ok"]


@pytest.mark.rule("E2")
def test_cancelled_sale_gives_back_what_it_counted_once(desk: Desk) -> None:
    rule(desk, **TWICE, caps={"per_member_per_day": 10, "total": 10})
    member = uuid4()
    desk.sell(1000, member=member, sale_id="s")
    assert earned(desk, 1000, member=member) == 10
    desk.give_back("s", {"1": (0, 500)})
    assert earned(desk, 1000, member=member) == 10
    desk.cancel("s")
    desk.cancel("s")
    assert {row.used for row in desk.database.query("SELECT used FROM rule_usage")} == {0}
    assert earned(desk, 1000, member=member) == 20


@pytest.mark.rule("S2")
def test_bonus_taken_back_gives_back_what_it_counted(desk: Desk) -> None:
    rule(desk, **BONUS, caps={"total": 100})
    desk.sell(5000, member=uuid4(), sale_id="s")
    desk.give_back("s", {"1": (0, 1)})
    assert earned(desk, 5000) == 150


@pytest.mark.rule("E2")
def test_first_purchase_is_the_first_that_stands(desk: Desk) -> None:
    rule(desk, **BONUS | {"threshold_minor": 0}, scope={"first_purchase": True})
    member = uuid4()
    first = [desk.sale(100, member=member, sale_id=f"s{n}") for n in range(2)]
    results = desk.call(rpc.RECORD_SALES, {"sales": first}).body["results"]
    assert [result["points"]["earned"] for result in results] == [101, 1]
    desk.cancel("s0")
    assert earned(desk, 100, member=member) == 1
    desk.cancel("s1")
    newcomer = uuid4()
    assert earned(desk, 100, member=newcomer, sale_id="s2") == 101
    assert desk.cancel("s2").body["points"]["clawed_back"] == 101
    assert earned(desk, 100, member=newcomer) == 101


def born(desk: Desk, month: int | None) -> UUID:
    member = uuid4()
    told = {"member_id": member, "enrolled_at": desk.clock.now(), "channel": "store"}
    desk.hear(members.ENROLLED, member, told | {"status": "active", "birth_month": month})
    return member


@pytest.mark.rule("E2")
def test_birthday_month_is_the_programmes_local_one(desk: Desk) -> None:
    rule(desk, **TWICE, scope={"birthday_month": True})
    march, april, unknown = born(desk, 3), born(desk, 4), born(desk, None)
    assert [earned(desk, 1000, member=who) for who in (march, april, unknown)] == [20, 10, 10]
    desk.clock.advance(days=21, hours=12)
    assert rfc3339(desk.clock.now()) == "2026-03-31T16:00:00Z"
    assert [earned(desk, 1000, member=who) for who in (march, april)] == [10, 20]


@pytest.mark.rule("E2")
def test_window_is_that_of_the_stores_clock(desk: Desk) -> None:
    rule(desk, **TWICE, scope={"local_time": {"from": "12:00", "until": "13:00"}})
    store = {"store_id": "tokyo", "name": "Tokyo", "time_zone": "Asia/Tokyo", "active": True}
    desk.hear(identity.STORE_OPENED, uuid4(), store)
    # It is 12:00 in Shanghai and 13:00 in Tokyo.
    assert earned(desk, 1000, store_id="s-unknown") == 20
    assert earned(desk, 1000, store_id="tokyo") == 10
    assert earned(desk, 1000, store_id=None) == 20


@pytest.mark.rule("E2")
def test_channel_is_that_of_who_reports(desk: Desk) -> None:
    rule(desk, **TWICE, scope={"channels": ["web"]})
    assert earned(desk, 1000) == 10
    assert earned(desk, 1000, actor=SHOP) == 20


@pytest.mark.rule("E2", "T8")
def test_tiers_are_those_of_the_sales_time(desk: Desk) -> None:
    rule(desk, **TWICE, scope={"tiers": ["GOLD"]})
    member = uuid4()
    before = rfc3339(desk.clock.now())
    desk.clock.advance(hours=1)
    desk.promote(member, "GOLD", "1.25")
    assert earned(desk, 1000, member=member) == 25
    assert earned(desk, 1000, member=member, occurred_at=before) == 10


@pytest.mark.rule("L7")
def test_sale_known_already_counts_nothing_again(desk: Desk) -> None:
    rule(desk, **BONUS, caps={"total": 100})
    sale = desk.sale(5000, member=uuid4())
    first = desk.call(rpc.RECORD_SALE, sale, key="a").body
    again = desk.call(rpc.RECORD_SALE, sale, key="b")
    assert (again.replayed, again.body) == (True, first)
    assert desk.database.query("SELECT used FROM rule_usage")[0].used == 100


def test_judging_by_rules_takes_no_more_statements_than_the_default(desk: Desk) -> None:
    def statements() -> int:
        seen: list[str] = []
        member = uuid4()
        desk.sell(1000, member=member)

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            seen.append(statement)

        engine = desk.service.db.engine
        sa.event.listen(engine, "before_cursor_execute", note)
        desk.sell(1000, member=member)
        sa.event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    before = statements()
    rule(desk, **TWICE, scope={"tiers": ["GOLD"]})
    assert statements() == before


def test_counts_of_days_long_past_are_forgotten(desk: Desk) -> None:
    rule(desk, **TWICE, caps={"per_member_per_day": 15, "total": 1000})
    member = uuid4()
    desk.sell(1000, member=member, sale_id="old")
    desk.clock.advance(days=99)
    desk.service.forget_usage()
    assert len(desk.database.query("SELECT 1 FROM rule_usage")) == 2
    desk.clock.advance(days=31)
    desk.sell(1000, member=member)
    desk.service.forget_usage()
    kept = desk.database.query("SELECT period, used FROM rule_usage ORDER BY period")
    assert [(row.period, row.used) for row in kept] == [("", 20), ("2026-07-18", 10)]
    desk.cancel("old")
    assert desk.database.query("SELECT used FROM rule_usage WHERE period = ''")[0].used == 10
