"""``kill -9`` of everything at any moment: what was answered happened, exactly once."""

from __future__ import annotations

import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shop import Rush, Sale, Shop, post_until_answered
from tests.support.standalone import Standalone
from tests.support.waiting import eventually

MEMBERS = 12
TILLS = 6
SALES = 100
"""Posted in each rush, at most."""
CRASHES = 3


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Standalone]:
    instance = Standalone(tmp_path / "var", environment={"LOYALTY_RATE_LIMITS": "off"})
    yield instance
    instance.remove()


@pytest.fixture
def chance() -> random.Random:
    """Moments and amounts; LOYALTY_TEST_SEED repeats a run that failed."""
    seed = os.environ.get("LOYALTY_TEST_SEED") or str(random.randrange(10**9))
    print(f"LOYALTY_TEST_SEED={seed}")
    return random.Random(seed)


def paid_by(sales: list[Sale], shop: Shop) -> dict[str, list[Sale]]:
    by_phone: dict[str, list[Sale]] = defaultdict(list)
    for sale in sales:
        by_phone[sale.body["member"]["value"]].append(sale)
    return {member["member_id"]: by_phone[member["phone"]] for member in shop.members}


@pytest.mark.rule("L2", "L7", "A3", "T8")
@pytest.mark.timeout(400)
def test_answered_sales_survive_kill_9_exactly_once(
    instance: Standalone, chance: random.Random
) -> None:
    instance.start()
    shop = Shop.open(instance.url, members=MEMBERS)
    sales: list[Sale] = []
    for _ in range(CRASHES):
        # Each sale is worth 50 to 900 points, so that members rise from tier to tier on the way.
        rush = [
            Sale.of(chance.choice(shop.members), chance.randint(5_000, 90_000))
            for _ in range(SALES)
        ]
        crash_after(chance.randrange(SALES), rush, instance, shop)
        instance.start()
        assert_answered_are_there(shop, rush)
        sales += rush

    for sale in sales:
        assert post_until_answered(sale, shop.till).status_code == 201

    assert_all_happened_once(shop, sales)


def crash_after(answers: int, rush: list[Sale], instance: Standalone, shop: Shop) -> None:
    """Kill everything right after so many sales were answered, with others on their way."""
    running = Rush(shop, rush, tills=TILLS)
    while sum(sale.answer is not None for sale in rush) < answers:
        assert running.refused == []
        time.sleep(0.001)
    instance.kill_everything()
    running.wait()
    assert running.refused == []


def assert_answered_are_there(shop: Shop, sales: list[Sale]) -> None:
    """What was answered before the crash reads and repeats as it was."""
    for sale in sales:
        if sale.answer is None:
            continue
        found = shop.till.get(f"/v1/sales/{sale.body['sale_id']}")
        assert found["points"] == sale.answer["points"]
        again = sale.post(shop.till)
        assert again.status_code == 201
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.json() == sale.answer


def assert_all_happened_once(shop: Shop, sales: list[Sale]) -> None:
    """The ledger, the tiers and the projections agree with what the tills were told."""
    verified = shop.auditor.post("/v1/points/verify", {})
    assert (verified["ok"], verified["drift"]) == (True, [])
    for member_id, own in paid_by(sales, shop).items():
        points = shop.auditor.get(f"/v1/members/{member_id}/points")
        told = [sale.answer["points"]["earned"] for sale in own if sale.answer is not None]
        assert points["balances"]["available"] == sum(told)
        assert points["lifetime"]["earned"] == sum(told)
    expected = {
        member_id: sum(sale.net_minor // 100 for sale in own)
        for member_id, own in paid_by(sales, shop).items()
    }
    eventually(lambda: {m: progress(shop, m) for m in expected} == expected)
    eventually(lambda: all(multipliers_agree(shop, m) for m in shop.members))


def progress(shop: Shop, member_id: str) -> int:
    tier = shop.auditor.get(f"/v1/members/{member_id}/tier")
    have: int = tier["progress"]["have"]
    return have


def multipliers_agree(shop: Shop, member: dict[str, str]) -> bool:
    """Whether points judges a new sale by the tier that tiers says the member has."""
    tier = shop.auditor.get(f"/v1/members/{member['member_id']}/tier")
    sale = Sale.of(member, 1_000)
    post_until_answered(sale, shop.till)
    assert sale.answer is not None
    return bool(sale.answer["tier"] == tier["tier"]["code"])
