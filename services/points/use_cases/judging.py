"""Judging sales by published rules or by drafts: what it takes to know, and the judgement (E2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from services.points.domain import rules, sales
from services.points.domain.programme import Programme
from services.points.domain.rules import (
    Basket,
    Counter,
    Grant,
    Judgement,
    Occasion,
    Room,
    Rule,
    RuleBook,
)
from services.points.domain.sales import Price, Sale, Tier
from services.points.repository import orders
from services.points.repository import rules as rule_rows
from services.points.repository.usage import Tally
from shared.db import Snapshot

_CHANNELS = {"terminal": "store", "shop": "web", "member": "app"}


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who is judged, as of then."""

    member_id: UUID | None
    tier: Tier
    birth_month: int | None = None
    channel: str | None = None
    is_first_purchase: bool | None = None
    """None where the judge finds out by itself."""


@dataclass(frozen=True, slots=True)
class Count:
    """Points that a judgement counts against one cap."""

    counter: Counter
    points: int


class Subject(Protocol):
    """What is judged: a sale, or what a member did beside buying."""

    @property
    def member_id(self) -> UUID | None:
        """Return whose it is."""

    @property
    def occurred_at(self) -> datetime:
        """Return when it happened."""

    @property
    def store_id(self) -> str | None:
        """Return where, if in a store."""


def channel_of(actor_key: str) -> str | None:
    """Return the channel of who reports: tills stand in stores, shops are on the web."""
    return _CHANNELS.get(actor_key.partition(":")[0])


@dataclass(slots=True)
class Judge:
    """Judges sales one after the other; reads what it takes for all of them at once."""

    reading: Snapshot
    programme: Programme
    rules: RuleBook | Sequence[Rule]
    """The published ones, or drafts, which are good at any time (E4)."""
    heeds_orders: bool = False
    """Whether a first purchase's bonus that an open order was promised is gone (H1)."""
    tally: Tally = field(init=False)
    _zones: dict[str, ZoneInfo] = field(default_factory=dict)
    _customers: set[UUID] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begin knowing nothing."""
        self.tally = Tally(self.reading.connection)

    def rules_at(self, instant: datetime) -> Sequence[Rule]:
        """Return the rules of an instant."""
        return self.rules.at(instant) if isinstance(self.rules, RuleBook) else self.rules

    def prepare(self, subjects: Iterable[Subject]) -> None:
        """Read caps' counts, stores' time zones and first purchases, as far as the rules ask."""
        counters: set[Counter] = set()
        stores: set[str] = set()
        members: set[UUID] = set()
        for sale in subjects:
            for rule in self.rules_at(sale.occurred_at):
                counters.update(count for _, count, _ in self._counters(rule, sale))
                if rule.scope.first_purchase and sale.member_id is not None:
                    members.add(sale.member_id)
                if rule.scope.is_local and sale.store_id is not None:
                    stores.add(sale.store_id)
        self.tally.read(counters)
        self.know_stores(stores)
        self._customers |= orders.customers(self.reading.connection, members)
        if self.heeds_orders:
            self._customers |= self._promised(members - self._customers)

    def know_stores(self, store_ids: set[str]) -> None:
        """Read the time zones of stores."""
        zones = rule_rows.time_zones(self.reading.connection, store_ids)
        self._zones |= {store_id: ZoneInfo(name) for store_id, name in zones.items()}

    def judge(self, sale: Sale, price: Price, shopper: Shopper) -> Judgement:
        """Return what a sale earns by the rules of its time."""
        published = self.rules_at(sale.occurred_at)
        default = rules.default_base(self.programme.rate)
        if not published:
            plain = sales.award(sale, price, shopper.tier, self.programme)
            grant = Grant(default, plain.points, (plain.explain,))
            return Judgement(plain.by_line, (grant,) if plain.points else (), (plain.explain,))
        basket = Basket(sale.lines, tuple(sales.eligible_minor(sale, price)))
        return rules.judge(
            basket,
            published,
            self.occasion(sale.occurred_at, sale.store_id, shopper),
            self.rooms(published, sale.member_id, sale.occurred_at),
            default,
        )

    def occasion(self, at: datetime, store_id: str | None, shopper: Shopper) -> Occasion:
        """Return the circumstances; a store that nobody told of keeps the programme's time."""
        zone = self._zones.get(store_id or "", self.programme.time_zone)
        is_first = shopper.is_first_purchase
        if is_first is None:
            is_first = shopper.member_id not in self._customers
        return Occasion(
            occurred_at=at,
            local=at.astimezone(zone),
            tier=shopper.tier,
            store_id=store_id,
            channel=shopper.channel,
            is_first_purchase=is_first,
            is_birthday_month=shopper.birth_month == self.programme.local_date(at).month,
        )

    def rooms(
        self, published: Iterable[Rule], member_id: UUID | None, at: datetime
    ) -> dict[str, Room]:
        """Return what each rule with caps may still give."""
        day = self.programme.local_date(at)
        return rules.rooms(published, str(member_id or ""), day, self.tally.used)

    def count(self, judgement: Judgement, subject: Subject) -> list[Count]:
        """Count what a judgement gives against lasting caps; return what was counted."""
        counted = []
        for rule in self.rules_at(subject.occurred_at) if judgement.used else ():
            points = judgement.used.get(rule.rule_id, 0)
            for _, counter, limit in self._counters(rule, subject) if points else ():
                self.tally.add(counter, points, limit)
                counted.append(Count(counter, points))
        return counted

    def note_purchase(self, sale: Sale) -> None:
        """Know that the member's next sale is not its first."""
        if sale.member_id is not None:
            self._customers.add(sale.member_id)

    def _promised(self, members: set[UUID]) -> set[UUID]:
        """Return whose first purchase an open order is already, as caps count it already."""
        versions = self.rules.versions.values() if isinstance(self.rules, RuleBook) else ()
        published = [each.rule for of_rule in versions for each in of_rule]
        first = [rule.key for rule in published if rule.scope.first_purchase]
        connection, now = self.reading.connection, self.reading.now
        return orders.promised_members(connection, members, first, now)

    def _counters(self, rule: Rule, subject: Subject) -> list[tuple[str, Counter, int]]:
        day = self.programme.local_date(subject.occurred_at)
        return rules.counters(rule, str(subject.member_id or ""), day)
