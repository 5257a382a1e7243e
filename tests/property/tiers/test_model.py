"""Whatever happens, in whatever order it is heard of: the service says what a naive model says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from shared.clock import ManualClock, rfc3339
from shared.contracts.event import Envelope
from shared.contracts.tiers import rpc as contract
from shared.ids import new_id
from tests.integration.tiers.harness import START, Tiers, cancelled, enrolled, returned, sold
from tests.integration.tiers.test_overrides import MAYA, NOAH, wish
from tests.integration.tiers.test_programmes import draft, level
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


@dataclass(frozen=True)
class Publication:
    """A version in force from an hour on, published some hours before."""

    hour: int
    lead_hours: int
    thresholds: tuple[int, ...]
    months: int
    grace_days: int


@dataclass(frozen=True)
class Wish:
    """A tier asked for by hand at an hour, for some days, perhaps taken back some hours later."""

    hour: int
    rank: int
    days: int
    revoked_after: int | None


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
    max_size=7,
)
VERSIONS = st.lists(
    st.builds(
        Publication,
        hour=st.integers(0, 600 * 24),
        lead_hours=st.sampled_from((0, 24, 2_000)),
        thresholds=st.sampled_from(
            ((0, 1_000, 5_000, 20_000), (0, 500, 2_500, 10_000), (0, 2_000, 7_000, 30_000))
        ),
        months=st.sampled_from((12, 6)),
        grace_days=st.sampled_from((30, 0, 60)),
    ),
    max_size=2,
)
LIFTS = st.lists(
    st.builds(
        Wish,
        hour=st.integers(0, 500 * 24),
        rank=st.integers(1, 3),
        days=st.sampled_from((1, 20, 300)),
        revoked_after=st.none() | st.integers(0, 5_000),
    ),
    max_size=3,
)
LATE = st.sampled_from((0, 0, 1, 30, 800, 5_000, 12_000))
"""Hours between a fact and its news."""


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


class Course:
    """One member's story as it is told to the service, and to the model."""

    def __init__(self, tiers: Tiers) -> None:
        self.tiers = tiers
        self.member_id = new_id()
        self.versions: list[model.Version] = []
        self.lifts: list[model.Lift] = []
        self.news: list[tuple[datetime, Callable[[], object]]] = []

    def hear(self, at: datetime, event: Envelope) -> None:
        """Hand an event over at an instant."""
        self.news.append((at, partial(self.tiers.hear, event)))

    def publish(self, wanted: Publication) -> None:
        """Publish a version ahead of its hour; the service may refuse one that comes too late."""
        starts_at = START + timedelta(hours=wanted.hour, seconds=30)
        at = max(START, starts_at - timedelta(hours=wanted.lead_hours))
        self.news.append((at, partial(self._publish, wanted, starts_at)))

    def lift(self, wanted: Wish) -> None:
        """Ask for a tier by hand; the service may refuse it, too."""
        at = START + timedelta(hours=wanted.hour, seconds=40)
        self.news.append((at, partial(self._lift, wanted)))

    def tell(self) -> None:
        """Let everything happen as time passes."""
        while self.news:
            self.news.sort(key=lambda pair: pair[0])
            at, act = self.news.pop(0)
            if at > self.tiers.clock.now():
                self.tiers.clock.move_to(at)
            act()

    def end_at(self, end: datetime) -> None:
        """Let the rest of the time pass."""
        self.tiers.clock.move_to(max(end, self.tiers.clock.now() + timedelta(days=1)))
        self.tiers.service.review()

    def _publish(self, wanted: Publication, starts_at: datetime) -> None:
        version = model.Version(starts_at, wanted.thresholds, wanted.months, wanted.grace_days)
        levels = [
            level(code, rank, version.thresholds[rank]) for rank, code in enumerate(model.CODES)
        ]
        window = {"type": "rolling", "months": version.months}
        terms = draft(levels=levels, window=window, grace_days=version.grace_days)
        made = self.tiers.call(contract.CREATE_PROGRAMME, terms)
        command = {"version": made["version"], "effective_from": rfc3339(starts_at)}
        answer = self.tiers.reply(contract.PUBLISH_PROGRAMME, command)
        if "error" not in answer:
            self.versions.append(version)
        else:
            assert answer["error"]["code"] == "effective_from_taken"

    def _lift(self, wanted: Wish) -> None:
        starts_at = self.tiers.clock.now()
        ends_at = starts_at + timedelta(days=wanted.days)
        command = wish(self.member_id, model.CODES[wanted.rank], rfc3339(ends_at))
        answer = self.tiers.reply(contract.REQUEST_OVERRIDE, command, MAYA)
        if "error" in answer:
            assert answer["error"]["code"] == "override_below_earned"
            return
        ref = {"override_id": answer["body"]["override_id"]}
        if answer["body"]["status"] == "pending_approval":
            self.tiers.call(contract.APPROVE_OVERRIDE, ref, actor=NOAH)
        lift = model.Lift(wanted.rank, starts_at, ends_at)
        self.lifts.append(lift)
        if wanted.revoked_after is not None:
            at = starts_at + timedelta(hours=wanted.revoked_after)
            self.news.append((at, partial(self._revoke, lift, ref)))

    def _revoke(self, lift: model.Lift, ref: dict[str, str]) -> None:
        answer = self.tiers.reply(contract.REVOKE_OVERRIDE, ref, MAYA)
        if "error" not in answer:
            self.lifts.remove(lift)
            self.lifts.append(replace(lift, ends_at=self.tiers.clock.now()))
        else:
            assert lift.ends_at <= self.tiers.clock.now()

    def check(self, facts: Sequence[model.Bought]) -> None:
        """Compare what the service says, history and last news with the model."""
        now, member_id = self.tiers.clock.now(), self.member_id
        expected = model.earned(facts, START, now, self.versions)
        body = self.tiers.tier(member_id)
        assert (body["tier"]["rank"], body["source"]) == model.shown(expected, self.lifts, now)
        if not self.lifts:
            assert body["since"] == rfc3339(expected.since)
        assert body["review_on"] == str(expected.review_on)
        assert body["grace_until"] == (expected.grace_until and str(expected.grace_until))
        points = model.have(facts, now, months=expected.rules.months, inclusive=True)
        assert body["progress"]["have"] == points
        assert self.tiers.history(member_id)[-1]["tier"] == body["tier"]["code"]
        changes = self.tiers.changes()
        assert changes[-1]["tier"] == body["tier"]["code"]
        # Each change starts from what the one before it said: others may follow them one by one.
        assert [each["from_tier"] for each in changes[1:]] == [
            each["tier"] for each in changes[:-1]
        ]
        starts = [each["effective_from"] for each in changes]
        assert starts == sorted(starts)


@pytest.mark.rule("T1", "T2", "T3", "T4", "T5")
@BOUNDED
@given(baskets=BASKETS, versions=VERSIONS, lifts=LIFTS, data=st.data())
def test_service_says_what_the_facts_say_in_whatever_order_they_come(
    postgres_server: TestServer,
    baskets: list[Basket],
    versions: list[Publication],
    lifts: list[Wish],
    data: st.DataObject,
) -> None:
    tiers = Tiers(postgres_server.database("tiers"), ManualClock(START))
    course = Course(tiers)
    events, facts = story(course.member_id, baskets)
    events.append(enrolled(course.member_id, START))
    again = data.draw(st.lists(st.sampled_from(events), max_size=3), label="again")
    for event in events + again:
        late = timedelta(hours=data.draw(LATE, label="late"))
        course.hear(event.occurred_at + late, event)
    for publication in versions:
        course.publish(publication)
    for wanted in lifts:
        course.lift(wanted)
    sweeps = data.draw(st.lists(st.integers(0, DAYS * 24), max_size=4), label="due work at hour")
    course.news += [(START + timedelta(hours=hour), tiers.service.review) for hour in sweeps]
    course.tell()
    course.end_at(START + timedelta(days=DAYS))
    course.check(facts)
