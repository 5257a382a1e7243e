"""Event contracts: each consumer states its need, each producer is held to all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pact import Pact

from shared.contracts.event import Envelope
from shared.contracts.fields import Minor
from shared.contracts.points import events as points_events
from shared.db.tables import PLATFORM
from shared.events.subscriptions import SUBSCRIPTIONS
from tests.contracts import needs
from tests.contracts.needs import Need
from tests.contracts.providers import hold
from tests.contracts.reward_needs import REWARD_NEEDS
from tests.contracts.states import STATES
from tests.support.platform import Platform, envelope_of

NEEDS = (*needs.NEEDS, *REWARD_NEEDS)
PRODUCERS = sorted({need.event.producer for need in NEEDS})


def file_pact(need: Need, directory: Path) -> Pact:
    """Write what ``need`` demands of its producer into ``directory``."""
    pact = Pact(need.consumer, need.event.producer).with_specification("V4")
    (
        pact.upon_receiving(need.description, "Async")
        .given(need.state)
        .with_body(need.envelope(), "application/json")
    )
    pact.write_file(directory)
    return pact


def verify(producer: str, platform: Platform, needs: Sequence[Need], pacts: Path) -> None:
    """Hold ``producer`` to what is needed of it; raises when it does not keep to it.

    Needs of one state come one after the other, and it is made once: what was told stays told.
    """
    types = {need.description: need.event for need in needs}
    arranged: list[str] = []

    def tell(name: str) -> Any:
        outbox = PLATFORM.outbox
        newest = sa.select(outbox).where(outbox.c.type == types[name].name)
        with platform.services[producer].db.engine.connect() as connection:
            row = connection.execute(newest.order_by(outbox.c.id.desc()).limit(1)).one()
        return envelope_of(row, producer).to_wire()

    def arrange(state: str) -> None:
        if state not in arranged[-1:]:
            platform.renew()
            STATES[state](platform)
            arranged.append(state)

    by_state = {need.state: pacts / str(place) for place, need in enumerate(needs)}
    for need in needs:
        file_pact(need, by_state[need.state])
    states = {name: partial(arrange, name) for name in by_state}
    hold(producer, by_state.values(), states, tell)


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: f"{need.consumer}: {need.description}")
def test_consumer_can_use_what_it_asks_for(need: Need, provider: Platform, tmp_path: Path) -> None:
    pact = file_pact(need, tmp_path)
    assert not need.used(provider)

    def handle(body: str | bytes | None, _metadata: dict[str, object]) -> None:
        assert body is not None
        event = Envelope.from_wire(json.loads(body))
        provider.deliver(event, only=need.consumer)

    pact.verify(handle, "Async")
    assert need.used(provider)


@pytest.mark.parametrize("producer", PRODUCERS)
def test_producer_keeps_what_its_consumers_need(
    producer: str, provider: Platform, pacts: Path
) -> None:
    verify(producer, provider, [n for n in NEEDS if n.event.producer == producer], pacts)


def test_producer_that_renames_a_field_is_caught(
    provider: Platform, pacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Renamed(points_events.SaleRecordedData):
        payable_minor = Minor(required=True, data_key="amount_minor")

    broken = replace(points_events.SALE_RECORDED, schema=Renamed)
    need = next(n for n in NEEDS if n.event == points_events.SALE_RECORDED)
    verify("points", provider, [need], pacts / "whole")
    monkeypatch.setattr(points_events, "SALE_RECORDED", broken)
    with pytest.raises(RuntimeError):
        verify("points", provider, [need], pacts / "renamed")


def test_every_subscription_has_a_contract() -> None:
    stated = {(need.consumer, need.event.routing_key) for need in NEEDS}
    heard = {
        (consumer, event.routing_key) for consumer, events in SUBSCRIPTIONS.items()
        for event in events
    }  # fmt: skip
    assert stated == heard
