"""An earning rule as data: one kind, to whom and when it applies, and how much it gives at most."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from fractions import Fraction

from services.points.domain.programme import LotTerms

BASE, MULTIPLIER, ADDITION = "base", "multiplier", "addition"
THRESHOLD_BONUS, ACTIVITY = "threshold_bonus", "activity"
KINDS = (BASE, MULTIPLIER, ADDITION, THRESHOLD_BONUS, ACTIVITY)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60
DEFAULT_ID = "base"
"""Id of the rule that is good where no published base rule is."""


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A window of the local day in minutes since midnight; it may run over midnight."""

    start: int
    end: int
    """First minute after; 1440 is the end of the day."""

    @property
    def is_empty(self) -> bool:
        """Return whether no minute is in it."""
        return self.start % MINUTES_A_DAY == self.end

    def contains(self, minute: int) -> bool:
        """Return whether a minute of the day is in it."""
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule is for; None, or False, is no restriction."""

    skus: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    brands: frozenset[str] | None = None
    stores: frozenset[str] | None = None
    channels: frozenset[str] | None = None
    tiers: frozenset[str] | None = None
    weekdays: frozenset[str] | None = None
    local_time: LocalTime | None = None
    first_purchase: bool = False
    birthday_month: bool = False

    @property
    def is_open(self) -> bool:
        """Return whether it restricts nothing."""
        return self == _OPEN

    @property
    def is_local(self) -> bool:
        """Return whether the clock of the store has a say."""
        return self.weekdays is not None or self.local_time is not None


_OPEN = Scope()
SCOPE_SETS = tuple(field.name for field in fields(Scope) if "frozenset" in str(field.type))


@dataclass(frozen=True, slots=True)
class Streak:
    """So many local days in a row give so many points more."""

    length: int
    points: int


@dataclass(frozen=True, slots=True)
class Caps:
    """The most points a rule gives; days and months are local ones of the programme."""

    per_sale: int | None = None
    per_member_per_day: int | None = None
    per_member_per_month: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a rule. It is never changed, only followed by the next (E2)."""

    rule_id: str
    version: int
    name: str
    kind: str
    scope: Scope = Scope()
    value: Fraction | None = None
    """Points per minor unit of a base or an addition; the factor of a multiplier."""
    points: int | None = None
    threshold_minor: int | None = None
    activity: str | None = None
    streak: Streak | None = None
    stackable: bool = False
    pending_days: int = 0
    lot: LotTerms | None = None
    caps: Caps = Caps()
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    """First instant at which it is no longer good."""

    @property
    def key(self) -> str:
        """Return what names this version in the journal's business keys (L7)."""
        return f"{self.rule_id}@{self.version}"

    def is_valid_at(self, instant: datetime) -> bool:
        """Return whether its own window is open."""
        has_begun = self.valid_from is None or self.valid_from <= instant
        return has_begun and (self.valid_until is None or instant < self.valid_until)


def default_base(rate: Fraction) -> Rule:
    """Return the base rule of the programme itself (E1)."""
    return Rule(rule_id=DEFAULT_ID, version=1, name=DEFAULT_ID, kind=BASE, value=rate)
