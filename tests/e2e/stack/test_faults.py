"""The broker goes away, processes are killed: nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.e2e.stack.tills import (
    DISCOUNT_MINOR,
    GONE,
    PROBLEM,
    PUBLIC_CODE,
    Before,
    Tills,
    assert_all_happened_once,
    progress,
)
from tests.support.shop import Api, Sale, Shop
from tests.support.stack import GATEWAY, Stack, fetch
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(500)

OUTAGE_S = float(os.environ.get("LOYALTY_TEST_OUTAGE_S", "15"))
TIERS_OUTAGE_S = float(os.environ.get("LOYALTY_TEST_TIERS_OUTAGE_S", "3"))
AT_ONCE_S = 2.0
"""No request takes longer to be refused while the broker is away."""
SEED = os.environ.get("LOYALTY_TEST_SEED", "1")
PRODUCERS = ("members", "points", "tiers")
"""Whose events somebody hears."""
MARKETER = {"username": "max", "password": "everything must go"}


@pytest.fixture(scope="module")
def codes(shop: Shop) -> tuple[str, ...]:
    """A public code that everybody may use as often as they like."""
    shop.admin.post("/v1/staff", {**MARKETER, "roles": ["marketing"]})
    marketing = Api(shop.url, {"grant_type": "password", **MARKETER})
    draft = {
        "name": "Every day",
        "kind": "amount_off",
        "value": DISCOUNT_MINOR,
        "validity": {"never_expires": True},
        "code": {"type": "public", "value": PUBLIC_CODE},
    }
    path = f"/v1/campaigns/{marketing.post('/v1/campaigns', draft)['campaign_id']}"
    marketing.post(f"{path}/publish", {})
    return (PUBLIC_CODE,)


def timed(get: Callable[[], Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return get(), time.monotonic() - began


def assert_refused_at_once(ask: Callable[[], httpx.Response]) -> None:
    answer, seconds = timed(ask)
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, PROBLEM)
    assert answer.json()["code"] == "backend_unavailable"
    assert seconds < AT_ONCE_S


def assert_gateway_is_calm(stack: Stack, shop: Shop) -> None:
    """Whatever is asked without a broker is refused as the contract says, at once (A2)."""
    assert fetch(f"{stack.url}/healthz")[0] == 200
    (status, _), seconds = timed(lambda: fetch(f"{stack.url}/readyz"))
    assert (status, seconds < AT_ONCE_S) == (503, True)
    assert all(part.probe("/healthz")[0] == 200 for part in stack.parts.values() if not_http(part))
    assert_refused_at_once(lambda: shop.auditor.send("GET", "/v1/sales/any"))
    assert_refused_at_once(lambda: Sale.of(shop.members[0], 100).post(shop.till))
    grant = {"grant_type": "password", "username": "admin", "password": "guess"}
    assert_refused_at_once(lambda: httpx.post(f"{stack.url}/v1/auth/token", json=grant))


def not_http(part: Any) -> bool:
    return bool(part.name != GATEWAY)


@pytest.mark.rule("A2", "A3", "A7", "L7", "T8")
def test_broker_away_is_503_at_once_and_recovers_by_itself(
    stack: Stack, shop: Shop, codes: tuple[str, ...], record_property: Any
) -> None:
    before = Before.of(shop)
    processes = {name: part.process for name, part in stack.parts.items()}
    with Tills(shop, SEED, codes=codes) as tills:
        tills.sell_some(20)
        stopping = time.monotonic()
        stack.rabbit.stop()
        down = time.monotonic()
        answered = tills.answered
        assert_gateway_is_calm(stack, shop)
        time.sleep(max(down + OUTAGE_S - time.monotonic(), 0))
        assert tills.answered - answered <= tills.number  # what was on its way at the stop
        assert_gateway_is_calm(stack, shop)
        returning = time.monotonic()
        stack.rabbit.start()
        back = time.monotonic()
        eventually(lambda: tills.answered > answered)
        recovered = time.monotonic() - back
        tills.sell_some(20)
    meanwhile = tills.between(stopping, returning)
    refused = [attempt for attempt in meanwhile if attempt.began > down]
    assert len(refused) > tills.number * OUTAGE_S  # nobody hung
    assert {(a.status, a.kind, a.code) for a in refused} == {(503, PROBLEM, "backend_unavailable")}
    slowest = max(attempt.seconds for attempt in meanwhile)
    assert slowest < AT_ONCE_S
    eventually(stack.is_ready)
    assert {name: part.process for name, part in stack.parts.items()} == processes
    assert not any(part.has_ended for part in stack.parts.values())
    assert_all_happened_once(stack, tills, before)
    figures = f"slowest refusal {slowest:.3f} s, first sale {recovered:.1f} s after the return"
    record_property("broker_outage", figures)
    print(f"{len(meanwhile)} requests in {OUTAGE_S:g} s without broker: {figures}")


def kill_worker(stack: Stack) -> None:
    stack.parts[GATEWAY].workers()[0].kill()


def kill_broker(stack: Stack) -> None:
    stack.rabbit.kill()
    stack.rabbit.start()


def kill_part(name: str) -> Callable[[Stack], None]:
    def kill(stack: Stack) -> None:
        stack.parts[name].kill()
        time.sleep(0.5)
        stack.parts[name].launch()

    return kill


VICTIMS = {
    "broker": kill_broker,
    "coupons": kill_part("coupons"),
    "gateway": kill_part(GATEWAY),
    "gateway-worker": kill_worker,
    "points": kill_part("points"),
    "points-relay": kill_part("points-relay"),
    "tiers": kill_part("tiers"),
}


@pytest.mark.rule("A3", "L7", "C2", "H2", "T8")
@pytest.mark.parametrize("victim", VICTIMS)
def test_kill_9_under_load_loses_and_doubles_nothing(
    stack: Stack, shop: Shop, codes: tuple[str, ...], victim: str
) -> None:
    before = Before.of(shop)
    with Tills(shop, f"{SEED}/{victim}", codes=codes) as tills:
        tills.sell_some(10)
        VICTIMS[victim](stack)
        tills.sell_some(20, within_s=90)
        stack.wait_until_ready()
    gone = [attempt for attempt in tills.attempts if attempt.status == GONE]
    assert not gone or victim in ("gateway", "gateway-worker")
    assert_all_happened_once(stack, tills, before)


@pytest.mark.rule("T8", "L7")
def test_events_that_are_sent_again_change_nothing(
    stack: Stack, shop: Shop, codes: tuple[str, ...]
) -> None:
    before = Before.of(shop)
    with Tills(shop, f"{SEED}/again", codes=codes) as tills:
        tills.sell_some(10)
    assert_all_happened_once(stack, tills, before)
    # As after the loss of the broker's disk; see the runbook.
    for producer in PRODUCERS:
        stack.execute(
            producer, "UPDATE outbox SET published_at = NULL WHERE published_at IS NOT NULL"
        )
    eventually(lambda: not any(waiting(stack, producer) for producer in PRODUCERS))

    # What is sold now is heard of after all that was sent again.
    more = Before.of(shop)
    with Tills(shop, f"{SEED}/after", codes=codes) as tills:
        tills.sell_some(10)
    assert_all_happened_once(stack, tills, more)


@pytest.mark.rule("T8")
def test_events_of_a_stopped_relay_arrive_when_it_is_back(stack: Stack, shop: Shop) -> None:
    before = Before.of(shop)
    stack.parts["points-relay"].kill()
    with Tills(shop, f"{SEED}/relay") as tills:
        tills.sell_some(20)
    assert Before.of(shop).progress == before.progress
    assert waiting(stack, "points") >= len(tills.sales)

    stack.restart("points-relay")

    changed = next(each for each, have in before.progress.items() if sold_to(tills, shop, each))
    eventually(lambda: progress(shop, changed) > before.progress[changed])
    assert_all_happened_once(stack, tills, before)


@pytest.mark.rule("T8")
def test_sales_made_while_tiers_was_away_count_when_it_is_back(
    stack: Stack, shop: Shop, record_property: Any
) -> None:
    before = Before.of(shop)
    stack.parts["tiers"].stop()
    with Tills(shop, f"{SEED}/tiers-away") as tills:
        stopped = time.monotonic()
        tills.sell_some(20)
        time.sleep(max(stopped + TIERS_OUTAGE_S - time.monotonic(), 0))
    stack.restart("tiers")
    back = time.monotonic()
    assert_all_happened_once(stack, tills, before)
    figures = f"{len(tills.sales)} sales counted {time.monotonic() - back:.1f} s after the return"
    record_property("tiers_outage", figures)
    print(f"tiers away for {TIERS_OUTAGE_S:g} s: {figures}")


def waiting(stack: Stack, producer: str) -> int:
    """Return how many events of a service were not published yet."""
    statement = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    number: int = stack.query(producer, statement)[0][0]
    return number


def sold_to(tills: Tills, shop: Shop, member_id: str) -> bool:
    phones = {m["phone"] for m in shop.members if m["member_id"] == member_id}
    return any(sale.body["member"]["value"] in phones for sale in tills.sales)
