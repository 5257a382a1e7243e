"""Whatever the order in which facts arrive, what was contributed is the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clock import ManualClock
from shared.contracts.event import Envelope
from shared.ids import new_id
from tests.integration.tiers.harness import START, Tiers, cancelled, returned, sold
from tests.support.postgres import TestServer

NOW = START + timedelta(days=400)
WINDOW_START = datetime(2026, 4, 5, 4, tzinfo=START.tzinfo)
THRESHOLDS = (0, 1_000, 5_000, 20_000)
BOUNDED = settings(max_examples=30, deadline=None, derandomize=True)


@dataclass(frozen=True)
class Bought:
    """A sale on a day and its returns: (days later, share of what is left, cancel?)."""

    day: int
    payable_minor: int
    returns: tuple[tuple[int, int], ...]
    cancel_after: int | None


BASKETS = st.lists(
    st.builds(
        Bought,
        day=st.integers(0, 399),
        # Half of them lie where two or three together cross a threshold.
        payable_minor=st.sampled_from((45_050, 60_000, 99_999, 260_000, 450_000, 1_100_000))
        | st.integers(0, 1_200_000),
        returns=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 100)), max_size=2).map(tuple),
        cancel_after=st.none() | st.integers(0, 60),
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def tiers(postgres_server: TestServer) -> Tiers:
    return Tiers(postgres_server.database("tiers"), ManualClock(NOW))


def facts_of(member_id: UUID, baskets: Sequence[Bought]) -> tuple[list[Envelope], list[Envelope]]:
    """Return sales, and what came back of them by its own time, with cumulative totals."""
    sales, backs = [], []
    for number, basket in enumerate(baskets):
        when = START + timedelta(days=basket.day)
        sale = sold(member_id, f"{member_id}-{number}", basket.payable_minor, when)
        sales.append(sale)
        total, at = 0, when
        for place, (days, percent) in enumerate(basket.returns):
            at += timedelta(days=days)
            total += (basket.payable_minor - total) * percent // 100
            backs.append(returned(sale, f"r-{place}", total, at))
        if basket.cancel_after is not None:
            backs.append(cancelled(sale, at + timedelta(days=basket.cancel_after)))
    return sales, sorted(backs, key=lambda back: back.occurred_at)


def naive_have(sales: Sequence[Envelope], backs: Sequence[Envelope]) -> int:
    """Count each sale in the window by hand, from nothing but the events."""
    have = 0
    for sale in sales:
        if sale.occurred_at <= WINDOW_START:
            continue
        kept = sale.data["payable_minor"]
        for back in backs:
            if back.data["sale_id"] == sale.data["sale_id"]:
                all_of_it = sale.data["payable_minor"]
                refunded = back.data.get("refunded_total_minor", all_of_it)
                kept = min(kept, all_of_it - refunded)
        have += kept // 100
    return have


def in_order(sales: Sequence[Envelope], backs: Sequence[Envelope]) -> list[Envelope]:
    """Return the facts as they happened; a sale before what came back at its instant."""
    return sorted([*sales, *backs], key=lambda fact: (fact.occurred_at, fact in backs))


def outcome(tiers: Tiers, facts: Sequence[Envelope], member_id: UUID) -> tuple[int, int]:
    """Apply the facts; return what counts and the rank reached."""
    for fact in facts:
        tiers.hear(fact)
    body: dict[str, Any] = tiers.tier(member_id)
    return body["progress"]["have"], body["tier"]["rank"]


@pytest.mark.rule("T1", "T3")
@BOUNDED
@given(baskets=BASKETS, data=st.data())
def test_any_order_with_repetitions_counts_the_same(
    tiers: Tiers, baskets: list[Bought], data: st.DataObject
) -> None:
    member_id, other_id = new_id(), new_id()
    sales, backs = facts_of(member_id, baskets)
    _, fair = outcome(tiers, in_order(*facts_of(other_id, baskets)), other_id)
    everything = [*sales, *backs]
    again = data.draw(st.lists(st.sampled_from(everything), max_size=4))
    have, rank = outcome(tiers, data.draw(st.permutations(everything + again)), member_id)
    assert have == naive_have(sales, backs)
    # Disorder never costs a tier, and never gives one that all sales together would not reach.
    most = naive_have(sales, [])
    assert fair <= rank <= sum(most >= threshold for threshold in THRESHOLDS[1:])


@pytest.mark.rule("T3")
@BOUNDED
@given(baskets=BASKETS, data=st.data())
def test_returns_ahead_of_their_sales_change_nothing(
    tiers: Tiers, baskets: list[Bought], data: st.DataObject
) -> None:
    once = [
        replace(each, returns=each.returns[:1], cancel_after=None if each.returns else 1)
        for each in baskets
    ]
    member_id, other_id = new_id(), new_id()
    expected = outcome(tiers, in_order(*facts_of(other_id, once)), other_id)
    sales, backs = facts_of(member_id, once)
    facts = data.draw(st.permutations([*sales, *backs]))
    for sale in sales:
        at = facts.index(sale)
        back = next(
            place
            for place, fact in enumerate(facts)
            if fact is not sale and fact.data["sale_id"] == sale.data["sale_id"]
        )
        if at < back:
            facts[at], facts[back] = facts[back], facts[at]
    assert outcome(tiers, facts, member_id) == expected


@pytest.mark.rule("T3")
@BOUNDED
@given(baskets=BASKETS)
def test_in_order_the_tier_is_the_highest_ever_reached(tiers: Tiers, baskets: list[Bought]) -> None:
    member_id = new_id()
    facts = in_order(*facts_of(member_id, baskets))
    happened: list[Envelope] = []
    best = 0
    for fact in facts:
        tiers.hear(fact)
        happened.append(fact)
        sales = [each for each in happened if each.type == "sale.recorded"]
        backs = [each for each in happened if each.type != "sale.recorded"]
        have = naive_have(sales, backs)
        best = max(best, sum(have >= threshold for threshold in THRESHOLDS[1:]))
    assert tiers.tier(member_id)["tier"]["rank"] == best
