"""What a programme lets configure, and when points lapse under it."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from services.points.domain.ledger import RecoveryPolicy

ROUND_TO = ("day", "month_end", "year_end")
"""To the end of which period the life of points is drawn out."""
MOST_MONTHS = 1200
_MONTHS_A_YEAR = 12
_DECEMBER = 12


@dataclass(frozen=True, slots=True)
class LotTerms:
    """How long points last: so many calendar months, to the end of that day, month or year (L4)."""

    months: int = 12
    round_to: str = "month_end"

    def __post_init__(self) -> None:
        """Refuse what no calendar holds; the wire formats refuse it first."""
        if not 0 <= self.months <= MOST_MONTHS or self.round_to not in ROUND_TO:
            raise ValueError(f"no terms of a lot: {self}")

    def last_day(self, earned_on: date) -> date:
        """Return the last local day on which points of ``earned_on`` can be used.

        Where the month so many months on has no such day, it is that month's last: of the 29th to
        the 31st none is lost and none runs into the month after.
        """
        months = earned_on.year * _MONTHS_A_YEAR + (earned_on.month - 1) + self.months
        year, month = months // _MONTHS_A_YEAR, months % _MONTHS_A_YEAR + 1
        if self.round_to == "year_end":
            month = _DECEMBER
        last = calendar.monthrange(year, month)[1]
        return date(year, month, min(earned_on.day, last) if self.round_to == "day" else last)


@dataclass(frozen=True, slots=True)
class Programme:
    """The numbers of the rules; the defaults are the default programme's."""

    time_zone: ZoneInfo
    currency: str
    rate: Fraction = Fraction(1, 100)
    """Points per minor unit of eligible net price (E1)."""
    entry_tier: str = "BRONZE"
    """Tier of a member of whom no other is known; its multiplier is 1."""
    lot_terms: LotTerms = LotTerms()
    """How long points last of which no rule says otherwise (L4)."""
    card_floor: int = 500
    """Most points a local day that a member spends by showing a static card only (M2)."""
    redeem_minimum: int = 100
    """Fewest points that pay a part of an order (H3)."""
    redeem_share: Fraction = Fraction(1, 2)
    """Largest part of an order that points may pay (H3)."""
    point_value_minor: int = 1
    recovery: RecoveryPolicy = RecoveryPolicy.DEBT
    """How far a claw may go beyond the earn it takes back (S3)."""
    debt_limit: int = 10_000
    """Most points a member may owe (S3)."""
    reinstated_for: timedelta = timedelta(days=30)
    """How long points last whose lot lapsed while they were spent (S4)."""
    fault_grace: timedelta = timedelta(days=7)
    """How long points last at least that a merchant's fault brings back (C4)."""
    activity_limit: timedelta = timedelta(days=31)
    """How late tills and shops may report what members do beside buying."""
    own_activity_limit: timedelta = timedelta(hours=1)
    """How late members may report it themselves, lest they make up days."""
    future_tolerance: timedelta = timedelta(minutes=5)
    """How far a till's clock may be ahead."""
    late_limit: timedelta = timedelta(hours=72)
    """How long after it happened a sale or return may still be reported (S5)."""
    offline_allowance: int = 0
    """Most points a member may spend at tills that are offline, all of them together (S5)."""
    allowance_valid_for: timedelta = timedelta(hours=24)
    """How long a till may use an allowance it has fetched (S5)."""
    claim_within: timedelta = timedelta(days=30)
    """How long after it a sale without member may be claimed (S6)."""
    online_within: timedelta = timedelta(minutes=45)
    """A till's report that comes later than this was made offline (S5).

    Well beyond `checkout_ttl`: a till may try again after its order has been undone (H2).
    """
    checkout_ttl: timedelta = timedelta(minutes=15)
    """How long a till's order stays open (H2)."""
    promised_checkout_ttl: timedelta = timedelta(minutes=30)
    """How long a shop's does, for whose shopper has to pay first."""
    support_adjusts_up_to: int = 1_000
    """Most points that staff without the role of a manager give or take at once (L9)."""
    adjustment_takes_two_above: int = 10_000
    """Beyond so many, either way, a second person approves (L9)."""
    transfers_per_day: int = 200
    """Most transfers a member makes in a local day (L10)."""
    transfer_points_per_day: int = 100_000
    """Most points a member gives away in a local day (L10)."""
    till_hold_ttl: timedelta = timedelta(minutes=15)
    """How long a till's hold lasts of which it does not say otherwise (L5)."""
    shop_hold_ttl: timedelta = timedelta(minutes=30)
    """How long anybody else's does."""

    def hold_ttl(self, actor_kind: str) -> timedelta:
        """Return how long a hold lasts by default."""
        return self.till_hold_ttl if actor_kind == "terminal" else self.shop_hold_ttl

    def expiry_of(self, earned_at: datetime, terms: LotTerms | None = None) -> datetime:
        """Return the instant from which points earned at ``earned_at`` are gone (L4).

        It is the end of the last local day on which they can be used, that is the first instant of
        the day after, in UTC. ``terms`` are the programme's own where none are given.
        """
        last_day = (terms or self.lot_terms).last_day(self.local_date(earned_at))
        return self.start_of_day(last_day + timedelta(days=1))

    def start_of_day(self, day: date) -> datetime:
        """Return the first instant of a local day in UTC, also where midnight does not exist."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.time_zone)
        return midnight.astimezone(UTC)

    def local_date(self, instant: datetime) -> date:
        """Return the day an instant falls on for the programme."""
        return instant.astimezone(self.time_zone).date()

    def last_usable_day(self, expires_at: datetime) -> date:
        """Return the last local day on which points that lapse at ``expires_at`` can be used."""
        return self.local_date(expires_at - timedelta(microseconds=1))
