"""Many at once on the same accounts: exact totals, and no deadlock that a caller sees (L8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.points import holds
from shared.errors.backend import BackendUnavailable
from tests.integration.points.desk import Desk, codes, in_parallel
from tests.integration.points.test_adjustments import adjust
from tests.integration.points.test_transfers import transfer

THREADS = 200
TRIES = 20


def patiently(work: Callable[..., Any], *arguments: Any) -> Any:
    """Call again, as a gateway's callers do, while the service has no database connection free."""
    for _ in range(TRIES):
        try:
            return work(*arguments)
        except BackendUnavailable:
            continue
    raise BackendUnavailable


@pytest.mark.rule("L6", "L8")
def test_two_hundred_spends_of_a_hundred_points_spend_a_hundred(desk: Desk) -> None:
    member = uuid4()
    for expires_at in ("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z", None):
        adjust(desk, member, 20 if expires_at is None else 40, expires_at=expires_at)

    def spend(number: int) -> None:
        wanted = {"member_id": str(member), "points": 1, "order_id": f"o-{number}"}
        held = patiently(desk.call, holds.PLACE, wanted).body
        patiently(desk.call, holds.CAPTURE, {"hold_id": held["hold_id"]})

    refused = codes(in_parallel(THREADS, spend))
    assert refused == ["insufficient_points"] * 100
    shown = desk.points(member)
    assert (shown["balances"]["available"], shown["balances"]["held"]) == (0, 0)
    assert shown["lifetime"]["redeemed"] == 100
    assert desk.verify()["ok"]


@pytest.mark.rule("L8", "L10")
def test_opposite_transfers_in_parallel_neither_deadlock_nor_lose_points(desk: Desk) -> None:
    first, second = uuid4(), uuid4()
    for member in (first, second):
        adjust(desk, member, 10_000)
    pairs = ((first, second, 7), (second, first, 3))
    results = in_parallel(THREADS, lambda number: patiently(transfer, desk, *pairs[number % 2]))
    assert codes(results) == []
    assert (desk.available(first), desk.available(second)) == (9_600, 10_400)
    assert desk.verify()["ok"]
