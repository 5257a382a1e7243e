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
    usable_at: datetime
    is_pending: bool = False


@dataclass
class Hold:
    """Points set aside, in the order the lots gave them."""

    parts: list[tuple[Lot, int]]
    ends_at: datetime
    status: str = "held"

    @property
    def points(self) -> int:
        return sum(points for _, points in self.parts)


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
    adjusted: int = 0
    holds: list[Hold] = field(default_factory=list)
    multiplier: Fraction = Fraction(1)

    @property
    def available(self) -> int:
        return sum(lot.points for lot in self.lots if not lot.is_pending)

    @property
    def pending(self) -> int:
        return sum(lot.points for lot in self.lots if lot.is_pending)

    @property
    def held(self) -> int:
        return sum(hold.points for hold in self.holds if hold.status == "held")

    def catch_up(self, now: datetime) -> None:
        """Do what time does, instant by instant."""
        # Also of lots that are empty by now: what was held of them may come home before.
        instants = {lot.expires_at for lot in self.lots}
        instants |= {lot.usable_at for lot in self.lots if lot.is_pending}
        instants |= {hold.ends_at for hold in self.holds if hold.status == "held"}
        for at in sorted(instant for instant in instants if instant <= now):
            for hold in self.holds:
                if hold.status == "held" and hold.ends_at == at:
                    self.end(hold, at, "expired")
            for lot in self.lots:
                if lot.expires_at == at:
                    self.expired += lot.points
                    lot.points = 0
            for lot in self.lots:
                if lot.is_pending and lot.usable_at == at:
                    lot.is_pending = False
                    self.repay([(lot, lot.points)])

    def award(self, points: int, usable_at: datetime, expires_at: datetime, now: datetime) -> Lot:
        """Give points that wait until they can be used."""
        lot = Lot(expires_at, points, usable_at, is_pending=usable_at > now)
        self.earned += points
        self.lots.append(lot)
        if not lot.is_pending:
            self.repay([(lot, points)])
        self.catch_up(now)
        return lot

    def repay(self, credited: list[tuple[Lot, int]]) -> None:
        """Pay debt from what has come in, lot by lot."""
        for lot, points in credited:
            repaid = min(points, self.debt)
            self.debt -= repaid
            lot.points -= repaid

    def hold(self, points: int, ends_at: datetime) -> Hold:
        """Set points aside; the caller knows that they are there."""
        hold = Hold(self._take(points, None), ends_at)
        self.holds.append(hold)
        return hold

    def end(self, hold: Hold, at: datetime, status: str, captured: int = 0) -> None:
        """Spend a part of what is held, one point after the other; the rest goes home."""
        one_by_one = [lot for lot, points in hold.parts for _ in range(points)]
        hold.status = status
        self.redeemed += captured
        home: dict[int, tuple[Lot, int]] = {}
        for lot in one_by_one[captured:]:
            if lot.expires_at <= at:
                self.expired += 1
            else:
                home[id(lot)] = (lot, home.get(id(lot), (lot, 0))[1] + 1)
        for lot, points in home.values():
            lot.points += points
        self.repay(list(home.values()))

    def adjust(self, points: int, now: datetime) -> None:
        """Let staff give or take points."""
        self.adjusted += points
        if points < 0:
            self._take(-points, None)
            return
        lot = Lot(end_of_month_in_a_year(now), points, now)
        self.lots.append(lot)
        self.repay([(lot, points)])

    def give(self, taker: Member, points: int, now: datetime) -> None:
        """Give another member points; each keeps its expiry."""
        moved = [(Lot(lot.expires_at, part, now), part) for lot, part in self._take(points, None)]
        self.adjusted -= points
        taker.adjusted += points
        taker.lots += [lot for lot, _ in moved]
        taker.repay(moved)

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
            lot = self.award(total, now, end_of_month_in_a_year(occurred_at), now)
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
        return self.claw(claw, sale.lot) | {"restored": self._restore(sale, now, fault=fault)}

    def claw(self, claw: int, own: Lot | None) -> dict[str, int]:
        """Take back what came as a lot: while it is pending, from it first."""
        waiting = 0
        if own is not None and own.is_pending:
            waiting = min(claw, own.points)
            own.points -= waiting
        available = self.available
        taken = waiting
        taken += sum(points for _, points in self._take(min(claw - waiting, available), own))
        owed = max(0, min(claw - taken, DEBT_LIMIT - self.debt))
        self.debt += owed
        self.clawed_back += taken + owed
        return {"clawed_back": taken, "debt": owed, "uncollected": claw - taken - owed}

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
                target = made.setdefault(id(lot), Lot(now + lasts, 0, now))
            target.points += 1
        self.lots += made.values()
        sale.restored = due
        self.redeemed -= restored
        return restored

    def _take(self, points: int, first: Lot | None) -> list[tuple[Lot, int]]:
        taken = []
        usable = [lot for lot in self.lots if not lot.is_pending]
        in_order = sorted(usable, key=lambda lot: (lot is not first, lot.expires_at, lot.usable_at))
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
