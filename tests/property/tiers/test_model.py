"""Whatever happens, in whatever order it is heard of: the service says what a naive model says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from shared.clock import ManualClock
from shared.contracts.event import Envelope
from shared.ids import new_id
from tests.integration.tiers.harness import START, Tiers, cancelled, enrolled, returned, sold
from tests.property.tiers import model
from tests.support.postgres import TestServer

BOUNDED = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    # A step costs transactions; the first failing story says enough.
    phases=(Phase.explicit, Phase.generate),
)
DAYS = 640


@dataclass(frozen=True)
class Basket:
    """A sale at an hour and its returns: (hours later, percent of what is left, heard late by)."""

    hour: int
    payable_minor: int
    returns: tuple[tuple[int, int], ...]
    cancel_after: int | None


BASKETS = st.lists(
    st.builds(
        Basket,
        # Close together at first, so that sales meet in windows; then about reviews and graces.
        hour=st.integers(0, 400) | st.integers(0, 90).map(lambda week: week * 7 * 24),
        # Two or three of them cross a threshold.
        payable_minor=st.sampled_from((45_050, 60_000, 99_999, 260_000, 450_000, 1_100_000)),
        returns=st.lists(st.tuples(st.integers(0, 900), st.integers(1, 100)), max_size=2).map(
            tuple
        ),
        cancel_after=st.none() | st.integers(0, 1_500),
    ),
    min_size=2,
    max_size=8,
)
LATE = st.sampled_from((0, 0, 1, 30, 800, 5_000, 12_000))
"""Hours between a fact and its news."""


@pytest.fixture(scope="module")
def tiers(postgres_server: TestServer) -> Tiers:
    return Tiers(postgres_server.database("tiers"), ManualClock(START))


def story(member_id: UUID, baskets: Sequence[Basket]) -> tuple[list[Envelope], list[model.Bought]]:
    """Return the events of what happened, and the same for the model."""
    events, facts = [], []
    for number, basket in enumerate(baskets):
        at = START + timedelta(hours=basket.hour, seconds=number)
        sale = sold(member_id, f"{member_id}-{number}", basket.payable_minor, at)
        events.append(sale)
        total, backs = 0, []
        for place, (hours, percent) in enumerate(basket.returns):
            at += timedelta(hours=hours, seconds=place)
            total += (basket.payable_minor - total) * percent // 100
            backs.append(model.Back(at, total))
            events.append(returned(sale, f"r-{place}", total, at))
        if basket.cancel_after is not None:
            at += timedelta(hours=basket.cancel_after, seconds=7)
            backs.append(model.Back(at, basket.payable_minor))
            events.append(cancelled(sale, at))
        facts.append(model.Bought(sale.occurred_at, basket.payable_minor, tuple(backs)))
    return events, facts


def tell(tiers: Tiers, news: Sequence[tuple[datetime, Envelope | None]]) -> None:
    """Hand over events as time passes; None lets the service do what is due."""
    for at, event in news:
        if at > tiers.clock.now():
            tiers.clock.move_to(at)
        if event is None:
            tiers.service.due_work()
        else:
            tiers.hear(event)


def check(tiers: Tiers, member_id: UUID, facts: Sequence[model.Bought]) -> None:
    """Compare what the service says, history and last news with the model."""
    now = tiers.clock.now()
    expected = model.earned(facts, START, now)
    body = tiers.tier(member_id)
    assert body["tier"]["rank"] == expected.rank
    assert body["since"] == expected.since.isoformat().replace("+00:00", "Z")
    assert body["review_on"] == str(expected.review_on)
    assert body["grace_until"] == (expected.grace_until and str(expected.grace_until))
    assert body["progress"]["have"] == model.have(facts, now, inclusive=True)
    assert tiers.history(member_id)[-1]["tier"] == body["tier"]["code"]
    changes = [each for each in tiers.changes() if each["member_id"] == str(member_id)]
    assert changes[-1]["tier"] == body["tier"]["code"]
    # Each change starts from what the one before it said: others may follow them one by one.
    assert [each["from_tier"] for each in changes[1:]] == [each["tier"] for each in changes[:-1]]
    starts = [each["effective_from"] for each in changes]
    assert starts == sorted(starts)


@pytest.mark.rule("T1", "T2", "T3")
@BOUNDED
@given(baskets=BASKETS, data=st.data())
def test_service_says_what_the_facts_say_in_whatever_order_they_come(
    tiers: Tiers, baskets: list[Basket], data: st.DataObject
) -> None:
    tiers.clock.move_to(START)
    member_id = new_id()
    events, facts = story(member_id, baskets)
    events.append(enrolled(member_id, START))
    again = data.draw(st.lists(st.sampled_from(events), max_size=3), label="again")
    news: list[tuple[datetime, Envelope | None]] = []
    for event in events + again:
        news.append((event.occurred_at + timedelta(hours=data.draw(LATE, label="late")), event))
    sweeps = data.draw(st.lists(st.integers(0, DAYS * 24), max_size=6), label="due work at hour")
    news += [(START + timedelta(hours=hour), None) for hour in sweeps]
    news.sort(key=lambda pair: pair[0])
    tell(tiers, news)
    end = max(START + timedelta(days=DAYS), tiers.clock.now() + timedelta(days=1))
    tell(tiers, [(end, None)])
    check(tiers, member_id, facts)
