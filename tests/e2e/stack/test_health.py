"""What probes and scrapers see of each process (A7)."""

from __future__ import annotations

import json

import pytest

from shared.contracts.platform import SERVICES
from tests.support.shop import Shop
from tests.support.stack import GATEWAY, Stack, fetch
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(400)


@pytest.mark.rule("A7")
def test_every_process_says_that_it_is_alive_and_ready(stack: Stack) -> None:
    assert {name: part.check_health() for name, part in stack.parts.items()} == dict.fromkeys(
        stack.parts, 0
    )
    for part in stack.parts.values():
        if part.name != GATEWAY:
            assert [part.probe(path)[0] for path in ("/healthz", "/readyz")] == [200, 200]
    assert fetch(f"{stack.url}/healthz") == (200, '{"status":"ok"}')
    status, body = fetch(f"{stack.url}/readyz")
    assert (status, json.loads(body)["services"]) == (200, dict.fromkeys(SERVICES, "ok"))


@pytest.mark.rule("A7")
def test_metrics_are_on_their_own_port_and_tell_of_the_work(stack: Stack, shop: Shop) -> None:
    for service in SERVICES:
        relay = stack.parts[f"{service}-relay"].probe("/metrics")[1]
        assert f'loyalty_outbox_leader{{service="{service}"}} 1.0' in relay
        assert f'loyalty_outbox_lag_rows{{service="{service}"}}' in relay
    # Counted since each process's start, which another test may have just caused.
    body = {"phone": "+8613600000000", "channel": "store"}
    shop.till.post("/v1/members", body)
    labels = 'consumer="points",outcome="applied",producer="members",type="member.enrolled.v1"'
    consumed = f"loyalty_events_consumed_total{{{labels}}}"
    eventually(lambda: consumed in stack.parts["points"].probe("/metrics")[1])
    # The sum over the gateway's workers, whichever of them answered.
    labels = 'endpoint="members.enrol_member",method="POST",status="201"'
    assert f"loyalty_http_requests_total{{{labels}}}" in stack.parts[GATEWAY].probe("/metrics")[1]
    assert fetch(f"{stack.url}/metrics")[0] == 404


@pytest.mark.rule("A7")
def test_readiness_names_the_service_that_is_away(stack: Stack) -> None:
    part = stack.parts["tiers"]
    part.stop()
    assert part.check_health() == 1
    status, body = fetch(f"{stack.url}/readyz")
    states = json.loads(body)["services"]
    assert status == 503
    assert states.pop("tiers") in ("backend_unavailable", "backend_timeout")
    assert set(states.values()) == {"ok"}
    assert fetch(f"{stack.url}/healthz")[0] == 200

    stack.restart("tiers")
    assert part.check_health() == 0
