from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.calls import Actor
from tests.integration.points.desk import SHOP, Desk, codes, in_parallel, line, refusal_of

GIFT = [line("1", 10_000_000, kind="gift_card")]


def spend(desk: Desk, member: UUID, points: int, **fields: Any) -> str:
    """Spend points on something that earns none; returns the sale's id."""
    fields = {"lines": GIFT} | fields
    sale = desk.sell(member=member, points_to_redeem=points, **fields)
    return str(sale.body["sale_id"])


@pytest.mark.rule("S1")
def test_returned_line_gives_back_exactly_its_own_points(desk: Desk) -> None:
    member = uuid4()
    lines = [line("1", 4000), line("2", 2000, discount_minor=1000)]
    sale = desk.sell(lines=lines, member=member, sale_id="s1").body
    assert sale["points"]["earned"] == 50
    back = desk.give_back("s1", {"2": (1, 1000)}).body
    assert back["points"] == {"clawed_back": 10, "restored": 0, "debt": 0, "uncollected": 0}
    assert back["refund"] == {"money_minor": 1000, "points": 0}
    assert back["status"] == "completed"
    assert desk.available(member) == 40


@pytest.mark.rule("S1")
def test_partial_returns_take_back_all_and_no_more(desk: Desk) -> None:
    member = uuid4()
    desk.promote(member, "SEVENFOLD", "7")
    desk.sell(lines=[line("1", 100, quantity=3)], member=member, sale_id="s1")
    taken = [
        desk.give_back("s1", {"1": (1, refund)}).body["points"]["clawed_back"]
        for refund in (33, 33, 34)
    ]
    assert taken == [2, 2, 3]
    assert desk.available(member) == 0
    assert desk.points(member)["lifetime"]["clawed_back"] == 7


def test_full_return_closes_the_sale(desk: Desk) -> None:
    desk.sell(1000, 500, member=uuid4(), sale_id="s1")
    assert desk.give_back("s1", {"1": (1, 1000)}).body["status"] == "completed"
    assert desk.give_back("s1", {"2": (1, 500)}).body["status"] == "returned"
    facts = desk.events("sale.returned")
    assert [(fact["refunded_total_minor"], fact["full"]) for fact in facts] == [
        (1000, False),
        (1500, True),
    ]


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ({"1": (2, 1000)}, "lines.1.quantity"),
        ({"1": (1, 1001)}, "lines.1.net_minor"),
    ],
)
def test_return_of_more_than_is_left_is_refused(
    desk: Desk, lines: dict[str, tuple[int, int]], field: str
) -> None:
    member = uuid4()
    desk.sell(1000, 500, member=member, sale_id="s1")
    refusal = refusal_of(lambda: desk.give_back("s1", lines | {"2": (1, 500)}))
    assert refusal.code == "return_exceeds_sale"
    assert [error.field for error in refusal.errors] == [field]
    assert desk.available(member) == 15


@pytest.mark.rule("L7")
def test_known_return_answers_as_then(desk: Desk) -> None:
    member = uuid4()
    desk.sell(1000, 500, member=member, sale_id="s1")
    first = desk.give_back("s1", {"1": (1, 600)}, return_id="r1", key="a")
    again = desk.give_back("s1", {"1": (1, 600)}, return_id="r1", key="b")
    assert (first.status, again.status, again.replayed) == (201, 200, True)
    assert again.body == first.body
    other = refusal_of(lambda: desk.give_back("s1", {"2": (1, 500)}, return_id="r1"))
    assert (other.code, other.status) == ("return_id_conflict", 409)
    assert desk.available(member) == 9


def test_return_of_unknown_sale_is_not_found(desk: Desk) -> None:
    assert refusal_of(lambda: desk.give_back("s1", {"1": (1, 1)})).code == "not_found"
    assert refusal_of(lambda: desk.cancel("s1")).code == "not_found"


def test_return_from_the_future_is_refused(desk: Desk) -> None:
    desk.sell(1000, sale_id="s1")
    refusal = refusal_of(
        lambda: desk.give_back("s1", {"1": (1, 1)}, occurred_at="2026-03-10T04:05:01Z")
    )
    assert refusal.code == "sale_in_future"


def test_shop_takes_back_its_own_sales_only(desk: Desk) -> None:
    desk.sell(1000, sale_id="till")
    desk.sell(1000, sale_id="web", actor=SHOP)
    other = Actor("shop", "other")
    assert refusal_of(lambda: desk.cancel("till", actor=SHOP)).code == "not_found"
    assert refusal_of(lambda: desk.cancel("web", actor=other)).code == "not_found"
    assert desk.give_back("web", {"1": (1, 500)}).status == 201
    assert desk.cancel("web", actor=SHOP).body["refund"]["money_minor"] == 500


def test_return_of_sale_without_member_moves_money_only(desk: Desk) -> None:
    desk.sell(1000, sale_id="s1")
    body = desk.give_back("s1", {"1": (1, 1000)}).body
    assert body["refund"] == {"money_minor": 1000, "points": 0}
    assert body["balances"] is None
    assert body["status"] == "returned"


@pytest.mark.rule("S3")
def test_claw_takes_own_lot_before_others(desk: Desk) -> None:
    member = uuid4()
    desk.allow_late_reports()
    desk.sell(10000, member=member, occurred_at="2026-01-05T00:00:00Z")
    own = desk.sell(5000, member=member, sale_id="s1").body["points"]["earned"]
    assert own == 50
    desk.give_back("s1", {"1": (1, 5000)})
    _, earned, claw = desk.journal(member)
    assert claw["lots"] == [{**earned["lots"][0], "points": -50}]


@pytest.mark.rule("S3", "L6")
def test_claw_of_spent_points_takes_other_lots_then_debt(desk: Desk) -> None:
    member = uuid4()
    desk.sell(20000, member=member, sale_id="s1")
    spend(desk, member, 200)
    desk.sell(5000, member=member)
    back = desk.give_back("s1", {"1": (1, 20000)}).body
    assert back["points"] == {"clawed_back": 50, "restored": 0, "debt": 150, "uncollected": 0}
    assert back["balances"] == {"available": 0, "pending": 0, "held": 0, "debt": 150}
    assert desk.verify()["ok"]


@pytest.mark.rule("S3")
def test_claw_beyond_debt_limit_is_uncollected(desk: Desk) -> None:
    member = uuid4()
    desk.sell(1_200_000, member=member, sale_id="s1")
    spend(desk, member, 12_000)
    back = desk.give_back("s1", {"1": (1, 1_200_000)}).body
    assert back["points"] == {
        "clawed_back": 0, "restored": 0, "debt": 10_000, "uncollected": 2_000,
    }  # fmt: skip
    entry = desk.journal(member)[-1]
    assert (entry["type"], entry["points"], entry["lots"]) == ("clawback", 0, [])
    assert desk.verify()["ok"]


@pytest.mark.rule("L6")
def test_later_earns_repay_debt_first(desk: Desk) -> None:
    member = uuid4()
    desk.sell(20000, member=member, sale_id="s1")
    spend(desk, member, 200)
    desk.give_back("s1", {"1": (1, 20000)})
    first = desk.sell(15000, member=member).body
    assert first["points"]["earned"] == 150
    assert first["balances"] == {"available": 0, "pending": 0, "held": 0, "debt": 50}
    second = desk.sell(15000, member=member).body
    assert second["balances"] == {"available": 100, "pending": 0, "held": 0, "debt": 0}
    assert [entry["type"] for entry in desk.journal(member)[-4:]] == [
        "earn", "debt_repay", "earn", "debt_repay",
    ]  # fmt: skip
    assert desk.points(member)["expiring"][0]["points"] == 100
    assert desk.verify()["ok"]


@pytest.mark.rule("S4")
def test_spent_points_go_home_cumulatively_and_the_last_takes_the_rest(desk: Desk) -> None:
    member = uuid4()
    desk.sell(20000, member=member)
    sale = spend(desk, member, 101, lines=[line("1", 300, quantity=3, kind="gift_card")])
    backs = [desk.give_back(sale, {"1": (1, 100)}).body for _ in range(3)]
    assert [back["points"]["restored"] for back in backs] == [33, 34, 34]
    assert [back["refund"]["money_minor"] for back in backs] == [67, 66, 66]
    assert desk.available(member) == 200
    assert desk.points(member)["lifetime"]["redeemed"] == 0
    assert [fact["refunded_total_minor"] for fact in desk.events("sale.returned")] == [
        67, 133, 199,
    ]  # fmt: skip


@pytest.mark.rule("S4", "L3")
def test_points_go_home_to_the_lots_they_came_from(desk: Desk) -> None:
    member = uuid4()
    desk.allow_late_reports()
    desk.sell(10000, member=member, occurred_at="2026-01-05T00:00:00Z")
    desk.sell(10000, member=member)
    before = desk.points(member)["expiring"]
    sale = spend(desk, member, 150)
    desk.cancel(sale)
    assert desk.points(member)["expiring"] == before
    spent, restored = desk.journal(member)[-2:]
    assert sorted(lot["lot_id"] for lot in restored["lots"]) == sorted(
        lot["lot_id"] for lot in spent["lots"]
    )


@pytest.mark.rule("S4")
def test_points_of_a_lapsed_lot_come_home_for_thirty_days(desk: Desk) -> None:
    member = uuid4()
    desk.allow_late_reports()
    desk.sell(10000, member=member, occurred_at="2025-03-20T00:00:00Z")
    desk.sell(10000, member=member)
    sale = spend(desk, member, 150)
    desk.clock.advance(days=40)
    desk.cancel(sale)
    points = desk.points(member)
    assert [(lot["points"], lot["expires_at"]) for lot in points["expiring"]] == [
        (100, "2026-05-19T04:00:00Z"),
        (100, "2027-03-31T16:00:00Z"),
    ]
    assert desk.verify()["ok"]


@pytest.mark.rule("C4", "S4")
def test_merchant_fault_leaves_seven_days_at_least(desk: Desk) -> None:
    member = uuid4()
    desk.allow_late_reports()
    desk.sell(10000, member=member, occurred_at="2025-03-20T00:00:00Z")
    sale = spend(desk, member, 100)
    desk.clock.advance(days=19)
    desk.cancel(sale, merchant_fault=True, reason_code="out_of_stock")
    assert [lot["expires_at"] for lot in desk.points(member)["expiring"]] == [
        "2026-04-05T04:00:00Z"
    ]


@pytest.mark.rule("S4")
def test_restored_points_do_not_repay_debt(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30000, member=member, sale_id="s1")
    lines = [line("1", 20000)]
    desk.sell(lines=lines, member=member, points_to_redeem=300, sale_id="s2")
    spend(desk, member, 197)
    back = desk.cancel("s2").body
    assert back["points"] == {"clawed_back": 0, "restored": 300, "debt": 197, "uncollected": 0}
    assert back["balances"]["available"] == 300


def test_cancel_undoes_what_is_left_after_returns(desk: Desk) -> None:
    member = uuid4()
    desk.sell(1000, 500, member=member, sale_id="s1")
    desk.give_back("s1", {"1": (1, 400)})
    body = desk.cancel("s1").body
    assert body["status"] == "cancelled"
    assert body["points"]["clawed_back"] == 11
    assert body["refund"]["money_minor"] == 1100
    assert desk.points(member)["lifetime"] == {
        "earned": 15, "redeemed": 0, "expired": 0, "clawed_back": 15, "adjusted": 0,
    }  # fmt: skip


def test_cancel_happens_once(desk: Desk) -> None:
    desk.sell(1000, member=uuid4(), sale_id="s1")
    first = desk.cancel("s1")
    again = desk.cancel("s1")
    assert (again.body, again.replayed) == (first.body, True)
    assert refusal_of(lambda: desk.cancel("s1", reason_code="fraud")).code == "sale_cancelled"
    assert refusal_of(lambda: desk.give_back("s1", {"1": (1, 0)})).code == "sale_cancelled"
    assert len(desk.events("sale.cancelled")) == 1


@pytest.mark.rule("L8", "S1")
def test_parallel_returns_of_one_line_give_it_back_once(desk: Desk) -> None:
    member = uuid4()
    desk.sell(lines=[line("1", 10000, quantity=10)], member=member, sale_id="s1")
    answers = in_parallel(25, lambda _: desk.give_back("s1", {"1": (1, 1000)}))
    assert codes(answers) == ["return_exceeds_sale"] * 15
    assert desk.points(member)["lifetime"]["clawed_back"] == 100
    assert desk.verify()["ok"]
