"""Many sales at once: from many threads, or in one batch."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.points import rpc
from tests.integration.points.desk import Desk, codes, in_parallel, line


@pytest.mark.rule("L7", "A3")
def test_fifty_threads_with_one_key_award_once(desk: Desk) -> None:
    member = uuid4()
    sale = desk.sale(10000, member=member)
    answers = in_parallel(50, lambda _: desk.call(rpc.RECORD_SALE, sale, key="one"))
    assert codes(answers) == []
    assert len({str(answer.body) for answer in answers}) == 1
    assert {answer.status for answer in answers} == {201}
    assert sum(not answer.replayed for answer in answers) == 1
    assert desk.available(member) == 100
    assert desk.verify()["ok"]


@pytest.mark.rule("L7")
@pytest.mark.parametrize("with_member", [True, False])
def test_threads_with_own_keys_record_sale_once(desk: Desk, with_member: bool) -> None:
    sale = desk.sale(10000, member=uuid4() if with_member else None)
    answers = in_parallel(20, lambda n: desk.call(rpc.RECORD_SALE, sale, key=f"k{n}"))
    assert codes(answers) == []
    assert len({str(answer.body) for answer in answers}) == 1
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len(desk.events("sale.recorded")) == 1


@pytest.mark.rule("L8", "L6")
def test_parallel_spends_succeed_exactly_as_often_as_points_last(desk: Desk) -> None:
    member = uuid4()
    desk.sell(1_000_000, member=member)
    gift = [line("1", 200, kind="gift_card")]
    answers = in_parallel(200, lambda _: desk.sell(lines=gift, member=member, points_to_redeem=100))
    assert codes(answers) == ["insufficient_points"] * 100
    assert desk.available(member) == 0
    assert desk.verify()["ok"]


@pytest.mark.rule("L8")
def test_batches_that_cross_each_other_do_not_deadlock(desk: Desk) -> None:
    members_ = [uuid4() for _ in range(10)]

    def batch(number: int) -> Any:
        order = members_ if number % 2 else members_[::-1]
        sales = [desk.sale(1000, member=member) for member in order]
        return desk.call(rpc.RECORD_SALES, {"sales": sales}).body["results"]

    results = in_parallel(8, batch)
    assert codes(results) == []
    assert {result["status"] for batch in results for result in batch} == {"created"}
    assert [desk.available(member) for member in members_] == [80] * 10


def test_batch_answers_each_sale_and_none_harms_another(desk: Desk) -> None:
    member = uuid4()
    good, twin = desk.sale(1000, member=member), desk.sale(2000, member=member)
    sales = [
        good,
        desk.sale(1000, currency="EUR"),
        desk.sale(1000, member_status="unknown"),
        desk.sale(1000, member=member, points_to_redeem=500),
        twin,
        twin,
        twin | {"store_id": "s-9"},
        desk.sale(400, member=member, points_to_redeem=100),
        desk.sale(20000, member=member),
        desk.sale(400, member=member, points_to_redeem=100),
    ]
    results = desk.call(rpc.RECORD_SALES, {"sales": sales}).body["results"]
    assert [result["status"] for result in results] == [
        "created", "rejected", "rejected", "rejected", "created", "replayed", "rejected",
        "rejected", "created", "created",
    ]  # fmt: skip
    assert [result["error"]["code"] for result in results if "error" in result] == [
        "currency_mismatch", "unknown_member", "insufficient_points", "sale_id_conflict",
        "insufficient_points",
    ]  # fmt: skip
    assert results[0]["points"]["earned"] == 10
    assert desk.available(member) == 10 + 20 + 200 - 100 + 3
    assert desk.verify()["ok"]


def test_batch_sent_again_under_another_key_replays_each_sale(desk: Desk) -> None:
    member = uuid4()
    sales = {"sales": [desk.sale(1000, member=member) for _ in range(5)]}
    first = desk.call(rpc.RECORD_SALES, sales, key="a").body["results"]
    again = desk.call(rpc.RECORD_SALES, sales, key="b").body["results"]
    assert {result["status"] for result in again} == {"replayed"}
    assert [result["points"] for result in again] == [result["points"] for result in first]
    assert desk.available(member) == 50
