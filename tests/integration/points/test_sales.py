from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.clock import rfc3339
from shared.contracts.members import events as members
from shared.contracts.points import rpc
from tests.integration.points.desk import SHOP, Desk, line, refusal_of


@pytest.mark.rule("E1", "L3")
def test_sale_awards_one_lot_with_month_end_expiry(desk: Desk) -> None:
    member = uuid4()
    body = desk.sell(4000, 2050, member=member).body
    assert body["points"] == {
        "earned": 60, "pending": 0, "redeemed": 0, "available_on": "2026-03-10",
    }  # fmt: skip
    assert body["balances"] == {"available": 60, "pending": 0, "held": 0, "debt": 0}
    points = desk.points(member)
    assert points["expiring"] == [
        {
            "points": 60,
            "expires_at": "2027-03-31T16:00:00Z",
            "expires_on": "2027-03-31",
            "days_left": 386,
        }
    ]
    assert points["lifetime"]["earned"] == 60


@pytest.mark.rule("E3")
def test_answer_explains_award_exactly(desk: Desk) -> None:
    member = uuid4()
    desk.promote(member, "GOLD", "1.25")
    body = desk.sell(999, 501, member=member).body
    assert body["tier"] == "GOLD"
    assert body["explain"] == [
        {
            "rule": "base",
            "version": 1,
            "inputs": {
                "eligible_minor": 1500, "rate": "0.01", "multiplier": "1.25", "tier": "GOLD",
            },
            "exact": "18.75",
            "rounded": 18,
            "lines": [
                {"line_id": "1", "eligible_minor": 999, "points": 12},
                {"line_id": "2", "eligible_minor": 501, "points": 6},
            ],
        }
    ]  # fmt: skip


@pytest.mark.rule("E1")
def test_only_products_earn(desk: Desk) -> None:
    lines = [
        line("a", 1000),
        line("b", 5000, kind="gift_card"),
        line("c", 900, kind="shipping"),
        line("d", 300, kind="fee"),
    ]
    body = desk.sell(member=uuid4(), lines=lines).body
    assert body["points"]["earned"] == 10
    assert body["totals"]["payable_minor"] == 7200


@pytest.mark.rule("T8")
def test_multiplier_is_that_of_occurrence_when_tier_rose_after_it(desk: Desk) -> None:
    member = uuid4()
    before = desk.clock.now()
    desk.clock.advance(hours=2)
    desk.promote(member, "GOLD", "1.25", since=desk.clock.now() - timedelta(hours=1))
    late = desk.sell(10000, member=member, occurred_at=rfc3339(before)).body
    now = desk.sell(10000, member=member).body
    assert (late["points"]["earned"], late["tier"]) == (100, "BRONZE")
    assert (now["points"]["earned"], now["tier"]) == (125, "GOLD")


@pytest.mark.rule("T8", "L7")
def test_tier_event_delivered_twice_counts_once(desk: Desk) -> None:
    member = uuid4()
    event = desk.promote(member, "GOLD", "1.5")
    desk.deliver(event)
    assert desk.sell(10000, member=member).body["points"]["earned"] == 150


@pytest.mark.rule("L7")
def test_same_sale_under_another_key_answers_as_then(desk: Desk) -> None:
    sale = desk.sale(1000, member=uuid4())
    first = desk.call(rpc.RECORD_SALE, sale, key="k1")
    second = desk.call(rpc.RECORD_SALE, sale, key="k2", actor=SHOP)
    assert (first.status, first.replayed) == (201, False)
    assert (second.status, second.replayed) == (200, True)
    assert second.body == first.body


@pytest.mark.rule("A3")
def test_same_key_answers_with_stored_status(desk: Desk) -> None:
    sale = desk.sale(1000, member=uuid4())
    first = desk.call(rpc.RECORD_SALE, sale, key="k")
    again = desk.call(rpc.RECORD_SALE, sale, key="k")
    assert (again.status, again.replayed, again.body) == (201, True, first.body)


@pytest.mark.rule("L7")
@pytest.mark.parametrize(
    "change",
    [
        {"lines": [line("1", 999)]},
        {"lines": [line("1", 1000, quantity=2)]},
        {"store_id": "s-2"},
        {"points_to_redeem": 100},
        {"codes_digest": "other"},
        {"member_id": str(uuid4())},
    ],
)
def test_known_sale_id_with_other_content_is_refused(desk: Desk, change: dict[str, Any]) -> None:
    member = uuid4()
    sale = desk.sale(1000, member=member)
    desk.call(rpc.RECORD_SALE, sale, key="k1")
    refusal = refusal_of(lambda: desk.call(rpc.RECORD_SALE, sale | change, key="k2"))
    assert (refusal.code, refusal.status) == ("sale_id_conflict", 409)
    assert desk.available(member) == 10


@pytest.mark.rule("S5")
def test_terminal_counter_is_never_used_twice(desk: Desk) -> None:
    desk.sell(100, terminal_counter=7)
    refusal = refusal_of(lambda: desk.sell(100, terminal_counter=7))
    assert (refusal.code, refusal.status) == ("terminal_counter_conflict", 409)
    other_till = desk.sell(100, terminal_counter=7, actor=SHOP)
    assert other_till.status == 201


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"currency": "EUR"}, "currency_mismatch"),
        ({"occurred_at": "2026-03-10T04:05:01Z"}, "sale_in_future"),
        ({"member_status": "unknown"}, "unknown_member"),
        ({"member_status": "frozen", "member_id": str(uuid4())}, "account_frozen"),
        ({"points_to_redeem": 100}, "member_required"),
    ],
)
def test_sale_is_refused_with_its_reason(desk: Desk, fields: dict[str, Any], code: str) -> None:
    refusal = refusal_of(lambda: desk.sell(100000, **fields))
    assert (refusal.code, refusal.status) == (code, 422)
    assert desk.database.query("SELECT 1 FROM sales") == []


def test_till_clock_five_minutes_ahead_is_tolerated(desk: Desk) -> None:
    assert desk.sell(100, occurred_at="2026-03-10T04:05:00Z").status == 201


@pytest.mark.rule("M1")
def test_member_known_as_frozen_by_event_is_refused(desk: Desk) -> None:
    member = uuid4()
    joined = {"member_id": member, "enrolled_at": desk.clock.now(), "channel": "store"}
    desk.hear(members.ENROLLED, member, {**joined, "status": "active"}, sequence=1)
    frozen = {"member_id": member, "changed": ["status"], "status": "frozen"}
    desk.hear(members.UPDATED, member, frozen, sequence=3)
    # Overtaken on its way, this one says nothing new.
    active = {"member_id": member, "changed": ["name"], "status": "active"}
    desk.hear(members.UPDATED, member, active, sequence=2)
    assert refusal_of(lambda: desk.sell(100, member=member)).code == "account_frozen"


@pytest.mark.rule("S6")
def test_sale_without_member_answers_with_receipt_code(desk: Desk) -> None:
    sale = desk.sale(1000)
    body = desk.call(rpc.RECORD_SALE, sale, key="a").body
    assert len(body["receipt_code"]) == 16
    assert body["member_id"] is None
    assert body["balances"] is None
    assert body["points"]["earned"] == 0
    assert desk.call(rpc.RECORD_SALE, sale, key="b").body == body


@pytest.mark.rule("H3")
@pytest.mark.parametrize(
    ("redeem", "order", "maximum"), [(99, 10000, 5000), (151, 301, 150), (100, 199, 99)]
)
def test_redemption_out_of_range_is_refused(
    desk: Desk, redeem: int, order: int, maximum: int
) -> None:
    member = uuid4()
    desk.sell(100000, member=member)
    refusal = refusal_of(lambda: desk.sell(order, member=member, points_to_redeem=redeem))
    assert refusal.code == "redemption_out_of_range"
    assert refusal.extra == {"minimum": 100, "maximum": maximum}


@pytest.mark.rule("H3", "E1")
def test_points_pay_half_and_lower_the_award(desk: Desk) -> None:
    member = uuid4()
    desk.sell(100000, member=member)
    body = desk.sell(1000, 1000, member=member, points_to_redeem=1000).body
    assert body["totals"] == {
        "gross_minor": 2000, "discount_minor": 0, "points_minor": 1000, "payable_minor": 1000,
    }  # fmt: skip
    assert body["points"]["redeemed"] == 1000
    assert body["points"]["earned"] == 10
    assert body["balances"]["available"] == 10


@pytest.mark.rule("L6")
def test_spending_more_than_available_is_refused(desk: Desk) -> None:
    member = uuid4()
    desk.sell(15000, member=member)
    refusal = refusal_of(lambda: desk.sell(10000, member=member, points_to_redeem=151))
    assert (refusal.code, refusal.status) == ("insufficient_points", 422)
    assert desk.available(member) == 150


@pytest.mark.rule("L3")
def test_spend_takes_soonest_expiry_first_and_remembers_lots(desk: Desk) -> None:
    desk.allow_late_reports()
    member = uuid4()
    late = desk.clock.now()
    desk.sell(10000, member=member)
    earlier = rfc3339(late - timedelta(days=40))
    desk.sell(20000, member=member, occurred_at=earlier)
    desk.sell(1000, member=member, points_to_redeem=250)
    first, second, spend, _ = desk.journal(member)
    assert spend["type"] == "redeem"
    assert [(lot["lot_id"], lot["points"]) for lot in spend["lots"]] == [
        (second["lots"][0]["lot_id"], -200),
        (first["lots"][0]["lot_id"], -50),
    ]


def test_spend_gathers_hundreds_of_small_lots(desk: Desk) -> None:
    member = uuid4()
    sales = [desk.sale(100, member=member) for _ in range(450)]
    desk.call(rpc.RECORD_SALES, {"sales": sales})
    assert desk.sell(100_000, member=member, points_to_redeem=449).status == 201
    spend = next(entry for entry in desk.journal(member)[::-1] if entry["type"] == "redeem")
    assert len(spend["lots"]) == 449
    assert desk.verify()["ok"]


@pytest.mark.rule("L1", "L2")
def test_ledger_verifies_and_pages_newest_first(desk: Desk) -> None:
    member = uuid4()
    for _ in range(5):
        desk.sell(1000, member=member)
    payload: dict[str, Any] = {"member_id": str(member), "limit": 2}
    seen: list[int] = []
    after = None
    while True:
        page = desk.call(rpc.TRANSACTIONS, {**payload, "after": after}).body
        seen += [item["balance_after"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [50, 40, 30, 20, 10]
    assert desk.verify() == {
        "ok": True, "accounts_checked": 1, "postings_checked": 5, "drift": [],
    }  # fmt: skip


@pytest.mark.rule("L2")
@pytest.mark.parametrize(
    ("statement", "account"),
    [
        ("UPDATE accounts SET available = available + 1, adjusted = adjusted + 1", "available"),
        ("UPDATE accounts SET debt = 1, available = available + 1", "debt"),
        ("UPDATE lots SET remaining = remaining - 1", "lots"),
    ],
)
def test_verify_names_drift(desk: Desk, statement: str, account: str) -> None:
    member = uuid4()
    desk.sell(1000, member=member)
    desk.database.query(statement)
    found = desk.verify()
    assert not found["ok"]
    assert {drift["member_id"] for drift in found["drift"]} == {str(member)}
    assert account in {drift["account"] for drift in found["drift"]}


def test_balance_of_unheard_member_needs_someone_to_vouch(desk: Desk) -> None:
    stranger = str(uuid4())
    for method in (rpc.BALANCE, rpc.TRANSACTIONS):
        refusal = refusal_of(lambda: desk.call(method, {"member_id": stranger}))  # noqa: B023
        assert refusal.code == "not_found"
    vouched = desk.call(rpc.BALANCE, {"member_id": stranger, "exists": True}).body
    assert vouched["balances"] == {"available": 0, "pending": 0, "held": 0, "debt": 0}


def test_recorded_sale_tells_the_others(desk: Desk) -> None:
    member = uuid4()
    desk.sell(50000, member=member)
    body = desk.sell(1000, member=member, points_to_redeem=200, sale_id="s1").body
    recorded = desk.events("sale.recorded")[-1]
    assert recorded == {
        "sale_id": "s1",
        "member_id": str(member),
        "occurred_at": "2026-03-10T04:00:00Z",
        "store_id": "s-1",
        "currency": "CNY",
        **body["totals"],
        "points_earned": 8,
        "coupon_codes": False,
    }
    assert desk.events("points.redeemed")[-1]["points"] == 200
    assert desk.events("points.earned")[-1]["expires_on"] == "2027-03-31"


def test_sale_survives_a_new_service_process(desk: Desk) -> None:
    sale = desk.sale(1000, member=uuid4())
    first = desk.call(rpc.RECORD_SALE, sale, key="k").body
    restarted = Desk(desk.database, desk.clock.now())
    again = restarted.call(rpc.RECORD_SALE, sale, key="k")
    assert (again.body, again.replayed) == (first, True)


def test_sale_can_be_read_as_it_stands(desk: Desk) -> None:
    body = desk.sell(4000, 2000, member=uuid4(), sale_id="s1").body
    desk.give_back("s1", {"2": (1, 2000)})
    seen = desk.call(rpc.GET_SALE, {"sale_id": "s1"}).body
    assert {name: seen[name] for name in body} == body
    assert seen["status"] == "completed"
    assert seen["refunded_minor"] == 2000
    assert seen["points_clawed_back"] == 20
    returned = seen["lines"][1]
    assert (returned["returned_quantity"], returned["clawed_back"]) == (1, 20)
    assert refusal_of(lambda: desk.call(rpc.GET_SALE, {"sale_id": "s2"})).code == "not_found"
