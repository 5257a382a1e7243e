"""A ledger as simple as can be: lists and loops, against which the service is held."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor

EIGHT_HOURS = timedelta(hours=8)
DEBT_LIMIT = 10_000


@dataclass
class Lot:
    """Points that lapse together."""

    expires_at: datetime
    points: int


@dataclass
class Line:
    """A line and what came back of it."""

    value: int
    points: int
    refunded: int = 0
    clawed: int = 0
    returned: int = 0


@dataclass
class Sale:
    """A sale of lines of two pieces each."""

    lines: list[Line]
    lot: Lot | None
    spent: list[tuple[Lot, int]]
    restored: int = 0
    is_cancelled: bool = False

    @property
    def redeemed(self) -> int:
        return sum(points for _, points in self.spent)


@dataclass
class Member:
    """One member's points. Lots are in the order they were made."""

    lots: list[Lot] = field(default_factory=list)
    debt: int = 0
    earned: int = 0
    redeemed: int = 0
    expired: int = 0
    clawed_back: int = 0
    multiplier: Fraction = Fraction(1)

    @property
    def available(self) -> int:
        return sum(lot.points for lot in self.lots)

    def lapse(self, now: datetime) -> None:
        for lot in self.lots:
            if lot.expires_at <= now:
                self.expired += lot.points
                lot.points = 0

    def sell(
        self, nets: list[tuple[int, int]], redeem: int, now: datetime, occurred_at: datetime
    ) -> Sale:
        """Sell lines of (net, discount); the caller knows that the points are there."""
        values = [net - discount for net, discount in nets]
        spent = self._take(redeem, None)
        self.redeemed += redeem
        tender = shares(redeem, [Fraction(value * redeem, sum(values) or 1) for value in values])
        exact = [
            (value - part) * self.multiplier / 100
            for value, part in zip(values, tender, strict=True)
        ]
        points = shares(floor(sum(exact)), exact)
        lines = [Line(value, earned) for value, earned in zip(values, points, strict=True)]
        total, lot = sum(points), None
        if total:
            self.earned += total
            repaid = min(total, self.debt)
            self.debt -= repaid
            lot = Lot(end_of_month_in_a_year(occurred_at), total - repaid)
            self.lots.append(lot)
            self.lapse(now)
        return Sale(lines, lot, spent)

    def take_back(
        self, sale: Sale, parts: dict[int, tuple[int, int]], now: datetime, *, fault: bool = False
    ) -> dict[str, int]:
        """Return lines: {place: (pieces, value)}."""
        claw = 0
        for place, (pieces, value) in parts.items():
            line = sale.lines[place]
            line.returned += pieces
            line.refunded += value
            due = floor(Fraction(line.points * line.refunded, line.value)) if line.value else 0
            claw += due - line.clawed
            line.clawed = due
        available = self.available
        taken = sum(points for _, points in self._take(min(claw, available), sale.lot))
        owed = max(0, min(claw - taken, DEBT_LIMIT - self.debt))
        self.debt += owed
        self.clawed_back += taken + owed
        return {
            "clawed_back": taken,
            "restored": self._restore(sale, now, fault=fault),
            "debt": owed,
            "uncollected": claw - taken - owed,
        }

    def _restore(self, sale: Sale, now: datetime, *, fault: bool) -> int:
        paid = sum(line.value for line in sale.lines)
        refunded = sum(line.refunded for line in sale.lines)
        due = floor(Fraction(sale.redeemed * refunded, paid)) if paid else 0
        restored = due - sale.restored
        # One point after the other: the last spent goes home first.
        homes = [lot for lot, points in sale.spent for _ in range(points)][::-1]
        made: dict[int, Lot] = {}
        for lot in homes[sale.restored : due]:
            target = lot
            if lot.expires_at <= now or (fault and lot.expires_at < now + timedelta(days=7)):
                lasts = timedelta(days=30) if lot.expires_at <= now else timedelta(days=7)
                target = made.setdefault(id(lot), Lot(now + lasts, 0))
            target.points += 1
        self.lots += made.values()
        sale.restored = due
        self.redeemed -= restored
        return restored

    def _take(self, points: int, first: Lot | None) -> list[tuple[Lot, int]]:
        taken = []
        in_order = sorted(self.lots, key=lambda lot: (lot is not first, lot.expires_at))
        for lot in in_order:
            part = min(lot.points, points)
            points -= part
            lot.points -= part
            if part:
                taken.append((lot, part))
        assert points == 0
        return taken


def shares(total: int, exact: list[Fraction]) -> list[int]:
    """Round each down, then give what is left to the largest remainders, the earlier first."""
    parts = [floor(part) for part in exact]
    while sum(parts) < total:
        remainders = [share - part for share, part in zip(exact, parts, strict=True)]
        parts[remainders.index(max(remainders))] += 1
    return parts


def end_of_month_in_a_year(instant: datetime) -> datetime:
    """Return the end of the month twelve months on in Shanghai, which keeps UTC+8 all year."""
    local = instant.astimezone(UTC) + EIGHT_HOURS
    year, month = (local.year + 1, local.month + 1)
    if month > 12:
        year, month = year + 1, 1
    return datetime(year, month, 1, tzinfo=UTC) - EIGHT_HOURS
