from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from shared.clock import parse_rfc3339
from shared.contracts.points import rpc
from tests.integration.points.desk import Desk, codes, in_parallel, refusal_of

NOTHING_USED: dict[str, Any] = {"applied": [], "skipped": [], "rejected": []}


def opened(desk: Desk, order: str = "o1", basket: str = "b1") -> dict[str, Any]:
    payload = {"order_id": order, "member_id": None, "digest": basket}
    return desk.call(rpc.OPEN_CHECKOUT, payload).body


def cancelled(desk: Desk, attempt: int, order: str = "o1") -> dict[str, Any]:
    return desk.call(rpc.CANCEL_CHECKOUT, {"order_id": order, "attempt": attempt}).body


def closed(order: str, reason: str) -> dict[str, Any]:
    ended = {"order_id": order, "reason": reason, "attempt": 1}
    return {**ended, "merchant_fault": False, "reason_code": None}


def sold(desk: Desk, attempt: int | None, order: str = "o1", **fields: Any) -> Any:
    return desk.sell(
        1000, sale_id=order, checkout_attempt=attempt, coupons=NOTHING_USED, codes_digest="c",
        **fields,
    )  # fmt: skip


@pytest.mark.rule("C2")
def test_same_order_retrying_is_the_same_opening(desk: Desk) -> None:
    first = opened(desk)
    desk.clock.advance(minutes=14)
    assert opened(desk) == first
    assert (first["status"], first["attempt"]) == ("open", 1)
    lasts = parse_rfc3339(first["expires_at"]) - parse_rfc3339(first["opened_at"])
    assert lasts == timedelta(minutes=15)


@pytest.mark.rule("H2")
def test_sale_completes_its_checkout(desk: Desk) -> None:
    opened(desk)
    assert sold(desk, 1).status == 201
    assert opened(desk)["status"] == "completed"
    desk.clock.advance(hours=1)
    desk.service.close_overdue_checkouts()
    assert desk.events("checkout.closed") == []
    refusal = refusal_of(lambda: cancelled(desk, 1))
    assert refusal.code == "checkout_completed"


@pytest.mark.rule("H2")
@pytest.mark.parametrize("attempt", [None, 2])
def test_sale_with_coupons_needs_its_own_open_checkout(desk: Desk, attempt: int | None) -> None:
    opened(desk)
    refusal = refusal_of(lambda: sold(desk, attempt))
    assert (refusal.code, refusal.status) == ("checkout_not_open", 409)


@pytest.mark.rule("H2")
def test_sale_after_the_time_limit_is_refused_before_any_sweep(desk: Desk) -> None:
    opened(desk)
    desk.clock.advance(minutes=15)
    assert refusal_of(lambda: sold(desk, 1)).code == "checkout_not_open"
    anew = opened(desk)
    assert (anew["status"], anew["attempt"]) == ("open", 2)
    assert sold(desk, 2).status == 201


@pytest.mark.rule("C2", "H2")
def test_overdue_checkout_is_closed_once_and_said_so(desk: Desk) -> None:
    opened(desk)
    opened(desk, "o2")
    desk.clock.advance(minutes=14)
    desk.service.close_overdue_checkouts()
    assert desk.events("checkout.closed") == []
    desk.clock.advance(minutes=1)
    for _ in range(2):
        desk.service.close_overdue_checkouts()
    assert desk.events("checkout.closed") == [closed("o1", "expired"), closed("o2", "expired")]


@pytest.mark.rule("H2")
def test_cancelled_order_opens_anew_after_its_close(desk: Desk) -> None:
    first = opened(desk)
    assert cancelled(desk, 1)["status"] == "cancelled"
    assert cancelled(desk, 1)["status"] == "cancelled"
    again = opened(desk)
    assert again["attempt"] == 2
    closed_at = desk.database.query("SELECT occurred_at FROM outbox")[0].occurred_at
    assert parse_rfc3339(first["opened_at"]) < closed_at < parse_rfc3339(again["opened_at"])
    # A straggler of the first attempt ends nothing of the second.
    assert cancelled(desk, 1)["status"] == "open"
    assert refusal_of(lambda: sold(desk, 1)).code == "checkout_not_open"
    assert sold(desk, 2).status == 201


@pytest.mark.rule("H2")
def test_another_basket_takes_the_order_over(desk: Desk) -> None:
    opened(desk)
    second = opened(desk, basket="b2")
    assert (second["status"], second["attempt"]) == ("open", 2)
    assert desk.events("checkout.closed") == [closed("o1", "cancelled")]


def test_order_that_is_a_sale_already_is_completed(desk: Desk) -> None:
    desk.sell(1000, sale_id="o1")
    assert opened(desk)["status"] == "completed"


def test_unknown_order_cannot_be_cancelled(desk: Desk) -> None:
    assert refusal_of(lambda: cancelled(desk, 1)).code == "not_found"


@pytest.mark.rule("H2")
def test_refused_sale_leaves_the_checkout_open(desk: Desk) -> None:
    opened(desk)
    refusal = refusal_of(lambda: sold(desk, 1, member=uuid4(), points_to_redeem=100))
    assert refusal.code == "insufficient_points"
    assert opened(desk)["status"] == "open"


@pytest.mark.rule("C2")
def test_parallel_openings_of_one_order_are_one(desk: Desk) -> None:
    found = in_parallel(20, lambda _: opened(desk))
    assert codes(found) == []
    assert {opening["attempt"] for opening in found} == {1}


@pytest.mark.rule("H2")
def test_sale_and_cancel_in_parallel_end_in_one_outcome(desk: Desk) -> None:
    for order in map(str, range(10)):
        opened(desk, order)
        both = [partial(sold, desk, 1, order), partial(cancelled, desk, 1, order)]
        refused = codes(in_parallel(2, lambda n, acts=both: acts[n]()))  # type: ignore[misc]
        assert refused in (["checkout_completed"], ["checkout_not_open"])
        recorded = desk.database.query("SELECT 1 FROM sales WHERE sale_id = :o", o=order)
        assert bool(recorded) == (refused == ["checkout_completed"])
