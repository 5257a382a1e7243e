"""Late reports, terminals' running numbers, and what they leave for staff (S5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.calls import Actor
from shared.clock import rfc3339
from shared.contracts.points import rpc
from tests.integration.points.desk import SHOP, TILL, Desk, codes, in_parallel, refusal_of

MANAGER = Actor("staff", "m-1", ("manager",))
OTHER_TILL = Actor("terminal", "t-2", (), "s-2")


def listed(desk: Desk, **filters: Any) -> list[dict[str, Any]]:
    """Return the exceptions, oldest first."""
    page = desk.call(rpc.LIST_POS_EXCEPTIONS, {"limit": 200, **filters}, actor=MANAGER).body
    items: list[dict[str, Any]] = page["items"]
    return items[::-1]


def gaps(desk: Desk, **filters: Any) -> list[tuple[int, int]]:
    found = listed(desk, kind="counter_gap", **({"status": "open"} | filters))
    return sorted((each["counters"]["first"], each["counters"]["last"]) for each in found)


def ago(desk: Desk, **delta: float) -> str:
    return rfc3339(desk.clock.now() - timedelta(**delta))


def batch(desk: Desk, *sales: dict[str, Any], actor: Actor = TILL) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = desk.call(
        rpc.RECORD_SALES, {"sales": list(sales)}, actor=actor
    ).body["results"]
    return results


@pytest.mark.rule("S5")
@pytest.mark.parametrize("actor", [TILL, SHOP])
def test_sale_is_taken_up_to_seventy_two_hours_late(desk: Desk, actor: Actor) -> None:
    member = uuid4()
    on_time = desk.sell(10000, member=member, occurred_at=ago(desk, hours=72), actor=actor)
    assert on_time.body["points"]["earned"] == 100
    late = ago(desk, hours=72, microseconds=1)
    refusal = refusal_of(
        lambda: desk.sell(10000, member=member, occurred_at=late, actor=actor, sale_id="late")
    )
    assert (refusal.code, refusal.status) == ("sale_too_old", 422)
    assert desk.available(member) == 100
    kinds = [(each["kind"], each["sale_id"], each["code"]) for each in listed(desk)]
    assert kinds == ([("too_old", "late", "sale_too_old")] if actor == TILL else [])


@pytest.mark.rule("S5")
def test_late_duplicate_answers_as_replay_however_late(desk: Desk) -> None:
    sale = desk.sale(10000, member=uuid4(), terminal_counter=1)
    first = desk.call(rpc.RECORD_SALE, sale)
    desk.clock.advance(days=30)
    again = desk.call(rpc.RECORD_SALE, sale)
    assert (again.status, again.replayed, again.body) == (200, True, first.body)
    assert [each["status"] for each in batch(desk, sale)] == ["replayed"]
    assert listed(desk) == []


@pytest.mark.rule("S5")
def test_return_is_taken_up_to_seventy_two_hours_late(desk: Desk) -> None:
    desk.sell(1000, sale_id="s1")
    desk.clock.advance(hours=80)
    early = ago(desk, hours=73)
    for _ in range(2):
        refusal = refusal_of(
            lambda: desk.give_back("s1", {"1": (1, 400)}, return_id="r1", occurred_at=early)
        )
        assert refusal.code == "sale_too_old"
    (noted,) = listed(desk)
    assert (noted["kind"], noted["return_id"], noted["amount_minor"]) == ("too_old", "r1", 400)
    assert noted["times"] == 2
    assert desk.give_back("s1", {"1": (1, 400)}, occurred_at=ago(desk, hours=72)).status == 201


@pytest.mark.rule("S5")
def test_missing_counters_are_listed_until_they_arrive(desk: Desk) -> None:
    for counter in (10, 11, 15):
        desk.sell(100, terminal_counter=counter)
    assert gaps(desk) == [(12, 14)]
    desk.sell(100, terminal_counter=13)
    assert gaps(desk) == [(12, 12), (14, 14)]
    desk.sell(100, terminal_counter=9)  # before the first that was seen
    desk.sell(100, terminal_counter=14)
    desk.sell(100, terminal_counter=12)
    assert gaps(desk) == []
    assert gaps(desk, status="closed") == [(12, 12), (14, 14)]
    desk.sell(100, terminal_counter=1, actor=OTHER_TILL)
    desk.sell(100, terminal_counter=16)
    assert gaps(desk) == []


@pytest.mark.rule("S5")
def test_batch_out_of_order_leaves_only_what_is_missing(desk: Desk) -> None:
    batch(desk, *(desk.sale(100, terminal_counter=number) for number in (5, 3, 9, 4, 8)))
    assert gaps(desk) == [(6, 7)]
    batch(desk, *(desk.sale(100, terminal_counter=number) for number in (12, 6)))
    assert gaps(desk) == [(7, 7), (10, 11)]


@pytest.mark.rule("S5")
def test_number_of_a_refused_sale_is_not_missing(desk: Desk) -> None:
    desk.sell(100, terminal_counter=1)
    refusal_of(lambda: desk.sell(100, terminal_counter=2, currency="USD"))
    batch(desk, desk.sale(100, terminal_counter=3, currency="USD"))
    desk.sell(100, terminal_counter=4)
    assert listed(desk) == []  # refused online: the till has seen to it itself


@pytest.mark.rule("S5")
def test_number_used_twice_and_id_used_twice_are_listed(desk: Desk) -> None:
    desk.sell(100, terminal_counter=1, sale_id="a")
    assert refusal_of(lambda: desk.sell(100, terminal_counter=1, sale_id="b")).code == (
        "terminal_counter_conflict"
    )
    assert refusal_of(lambda: desk.sell(999, sale_id="a", terminal_counter=2)).code == (
        "sale_id_conflict"
    )
    found = [(each["kind"], each["sale_id"], each["counters"]) for each in listed(desk)]
    assert found == [
        ("counter_conflict", "b", {"first": 1, "last": 1}),
        ("sale_conflict", "a", {"first": 2, "last": 2}),
    ]


@pytest.mark.rule("S5")
def test_what_was_refused_of_a_batch_is_listed_and_the_rest_stands(desk: Desk) -> None:
    offline: dict[str, Any] = {"occurred_at": ago(desk, hours=2)}
    results = batch(
        desk,
        desk.sale(100, terminal_counter=1, **offline),
        desk.sale(100, terminal_counter=2, sale_id="old", occurred_at=ago(desk, hours=73)),
        desk.sale(100, terminal_counter=3, sale_id="odd", currency="USD", **offline),
        desk.sale(100, terminal_counter=4, **offline),
    )
    assert [each["status"] for each in results] == ["created", "rejected", "rejected", "created"]
    assert [results[place]["error"]["code"] for place in (1, 2)] == [
        "sale_too_old",
        "currency_mismatch",
    ]
    kinds = {(each["kind"], each["sale_id"], each["terminal_id"]) for each in listed(desk)}
    assert kinds == {("too_old", "old", "t-1"), ("refused", "odd", "t-1")}


@pytest.mark.rule("S5")
def test_sale_recorded_after_all_closes_what_was_listed_of_it(desk: Desk) -> None:
    offline: dict[str, Any] = {"occurred_at": ago(desk, hours=2), "sale_id": "s1"}
    refusal_of(lambda: desk.sell(100, currency="USD", **offline))
    assert [each["status"] for each in listed(desk)] == ["open"]
    desk.sell(100, **offline)
    assert [each["status"] for each in listed(desk)] == ["closed"]


@pytest.mark.rule("S5")
def test_exception_is_resolved_once_and_says_by_whom(desk: Desk) -> None:
    desk.sell(100, terminal_counter=1)
    desk.sell(100, terminal_counter=3)
    (gap,) = listed(desk)
    done = {"exception_id": gap["exception_id"], "action": "write_off", "note": "Till was reset."}
    desk.clock.advance(minutes=1)
    body = desk.call(rpc.RESOLVE_POS_EXCEPTION, done, actor=MANAGER).body
    assert body["resolution"] == {
        "action": "write_off",
        "note": "Till was reset.",
        "resolved_by": "staff:m-1",
    }
    assert (body["status"], body["closed_at"]) == ("resolved", rfc3339(desk.clock.now()))
    again = refusal_of(lambda: desk.call(rpc.RESOLVE_POS_EXCEPTION, done, actor=MANAGER))
    assert (again.code, again.status) == ("exception_settled", 409)
    found = desk.call(rpc.GET_POS_EXCEPTION, {"exception_id": gap["exception_id"]}).body
    assert found == body
    desk.sell(100, terminal_counter=2)
    assert [each["status"] for each in listed(desk)] == ["resolved"]


def test_unknown_exception_is_not_found(desk: Desk) -> None:
    unknown = {"exception_id": str(uuid4())}
    done = {"action": "correct", "note": "x", **unknown}
    assert refusal_of(lambda: desk.call(rpc.GET_POS_EXCEPTION, unknown)).code == "not_found"
    assert refusal_of(lambda: desk.call(rpc.RESOLVE_POS_EXCEPTION, done)).code == "not_found"


@pytest.mark.rule("S5")
def test_parallel_reports_of_one_terminal_leave_no_gap(desk: Desk) -> None:
    results = in_parallel(12, lambda number: desk.sell(100, terminal_counter=number + 1))
    assert codes(results) == []
    assert gaps(desk) == []


@pytest.mark.rule("S5")
def test_one_number_in_parallel_is_one_sale_and_listed_conflicts(desk: Desk) -> None:
    results = in_parallel(6, lambda _: desk.sell(100, terminal_counter=7))
    assert codes(results) == ["terminal_counter_conflict"] * 5
    assert [each["kind"] for each in listed(desk)] == ["counter_conflict"] * 5


def test_pages_of_exceptions_join_without_a_seam(desk: Desk) -> None:
    for number in range(1, 12, 2):
        desk.sell(100, terminal_counter=number)
    seen, after = [], None
    while True:
        query = {"limit": 2, "after": after}
        page = desk.call(rpc.LIST_POS_EXCEPTIONS, query, actor=MANAGER).body
        seen += [each["counters"]["first"] for each in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [10, 8, 6, 4, 2]
    assert listed(desk, terminal_id="t-9") == []
    assert len(listed(desk, store_id="s-1")) == 5
