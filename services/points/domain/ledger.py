"""Double entry (L1): accounts, postings that balance by construction, and what they add up to.

A posting moves points from its debit to its credit account. A member's ``available``, ``pending``
and ``held`` are what the programme owes the member: they rise by credit. ``debt`` is what the
member owes: it rises by debit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

PENDING, AVAILABLE, HELD, DEBT = "pending", "available", "held", "debt"
ISSUED, REDEEMED, EXPIRED = "issued", "redeemed", "expired"
CLAWED_BACK, UNCOLLECTED = "clawed_back", "uncollected"
ADJUSTED, TRANSFERRED = "adjusted", "transferred"

EFFECTS: dict[str, tuple[str, int]] = {
    PENDING: ("pending", 1),
    AVAILABLE: ("available", 1),
    HELD: ("held", 1),
    DEBT: ("debt", -1),
    ISSUED: ("earned", -1),
    REDEEMED: ("redeemed", 1),
    EXPIRED: ("expired", 1),
    CLAWED_BACK: ("clawed_back", 1),
    UNCOLLECTED: ("clawed_back", 1),
    ADJUSTED: ("adjusted", -1),
    TRANSFERRED: ("adjusted", -1),
}
"""Which cached figure a posting moves by account, and the sign of a credit; a debit has the other.

``clawed_back`` counts what was taken or is owed: what stays uncollected is debited against it.
``adjusted`` is the net of what staff and other members gave and took; over all members,
``transferred`` is 0.
"""


@dataclass(frozen=True, slots=True)
class Posting:
    """Points moved from one account to another."""

    debit: str
    credit: str
    points: int
    counterparty_id: UUID | None = None
    """The other member of a transfer (L10)."""

    def __post_init__(self) -> None:
        """Refuse what is no movement; the database refuses it too."""
        if self.points <= 0 or self.debit == self.credit:
            raise ValueError(f"no posting: {self}")


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums of a member's postings: balances and lifetime figures."""

    pending: int = 0
    available: int = 0
    held: int = 0
    debt: int = 0
    earned: int = 0
    redeemed: int = 0
    expired: int = 0
    clawed_back: int = 0
    adjusted: int = 0

    @property
    def balances(self) -> dict[str, int]:
        """Return what the member owns and owes."""
        return {
            "available": self.available,
            "pending": self.pending,
            "held": self.held,
            "debt": self.debt,
        }

    @property
    def in_lots(self) -> int:
        """Return what is left of the member's lots: what nobody has drawn."""
        return self.available + self.pending

    def after(self, postings: Iterable[Posting]) -> Figures:
        """Return the figures once ``postings`` have been added.

        Raises:
            ValueError: a balance would fall below zero (L6); callers must have made sure.
        """
        moved: dict[str, int] = {}
        for posting in postings:
            for account, side in ((posting.credit, 1), (posting.debit, -1)):
                figure, sign = EFFECTS[account]
                moved[figure] = (
                    moved.get(figure, getattr(self, figure)) + side * sign * posting.points
                )
        if any(moved.get(balance, 0) < 0 for balance in (PENDING, AVAILABLE, HELD, DEBT)):
            raise ValueError(f"{moved} would overdraw {self}")
        return replace(self, **moved)


def earn(points: int, into: str = AVAILABLE) -> tuple[Posting, ...]:
    """Credit newly issued points, to ``pending`` if they are usable later only (E5)."""
    return (Posting(ISSUED, into, points),)


def free(points: int, of: str) -> tuple[Posting, ...]:
    """Make points available that were pending (E5) or held (L5)."""
    return (Posting(of, AVAILABLE, points),)


def repay(points: int) -> tuple[Posting, ...]:
    """Pay debt with available points (L6)."""
    return (Posting(AVAILABLE, DEBT, points),)


def hold(points: int) -> tuple[Posting, ...]:
    """Set available points aside for an order (L5)."""
    return (Posting(AVAILABLE, HELD, points),)


def capture(points: int) -> tuple[Posting, ...]:
    """Spend held points (L5)."""
    return (Posting(HELD, REDEEMED, points),)


def redeem(points: int, on_credit: int = 0) -> tuple[Posting, ...]:
    """Spend available points, and owe what was spent offline beyond them (S5)."""
    return _postings((AVAILABLE, REDEEMED, points), (DEBT, REDEEMED, on_credit))


def restore(points: int, forgiven: int = 0) -> tuple[Posting, ...]:
    """Give spent points back, and forgive debt that the spend had made (S4, S5)."""
    return _postings((REDEEMED, AVAILABLE, points), (REDEEMED, DEBT, forgiven))


def _postings(*moves: tuple[str, str, int]) -> tuple[Posting, ...]:
    return tuple(Posting(debit, credit, points) for debit, credit, points in moves if points)


def adjust(points: int) -> tuple[Posting, ...]:
    """Give (+) or take (-) points by decision of staff (L9)."""
    giver, taker = (ADJUSTED, AVAILABLE) if points > 0 else (AVAILABLE, ADJUSTED)
    return (Posting(giver, taker, abs(points)),)


def transfer_out(points: int, to: UUID) -> tuple[Posting, ...]:
    """Give points to another member (L10)."""
    return (Posting(AVAILABLE, TRANSFERRED, points, to),)


def transfer_in(points: int, giver: UUID) -> tuple[Posting, ...]:
    """Get points from another member (L10)."""
    return (Posting(TRANSFERRED, AVAILABLE, points, giver),)


def give_over(points: int, debt: int, of: str, to: UUID) -> tuple[Posting, ...]:
    """Give points, pending ones too, and debt to the member one has become (M3)."""
    return _with_counterparty(to, (of, TRANSFERRED, points), (TRANSFERRED, DEBT, debt))


def take_over(points: int, debt: int, into: str, giver: UUID) -> tuple[Posting, ...]:
    """Get what `give_over` gives."""
    return _with_counterparty(giver, (TRANSFERRED, into, points), (DEBT, TRANSFERRED, debt))


def _with_counterparty(other: UUID, *moves: tuple[str, str, int]) -> tuple[Posting, ...]:
    return tuple(Posting(debit, credit, points, other) for debit, credit, points in moves if points)


def expire(points: int, of: str = AVAILABLE) -> tuple[Posting, ...]:
    """Let points lapse (L4)."""
    return (Posting(of, EXPIRED, points),)


def forfeit(figures: Figures) -> tuple[Posting, ...]:
    """Take all that a member has, and give up what it owes (M6); its holds have ended."""
    return _postings(
        (AVAILABLE, EXPIRED, figures.available),
        (PENDING, EXPIRED, figures.pending),
        (UNCOLLECTED, DEBT, figures.debt),
    )


class RecoveryPolicy(StrEnum):
    """How far a claw may go beyond the earn it takes back (S3)."""

    ONLY_PENDING = "only_pending"
    """What is still pending of that earn, and no more."""
    WITHIN_BALANCE = "within_balance"
    """Whatever the member has available."""
    DEBT = "debt"
    """That too, and the rest is owed up to the programme's limit."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a claw is met (S3): from pending points, from available ones, owed, or given up."""

    pending: int
    available: int
    owed: int
    uncollected: int

    def __add__(self, other: Recovery) -> Recovery:
        """Return how two claws together were met."""
        return Recovery(
            self.pending + other.pending,
            self.available + other.available,
            self.owed + other.owed,
            self.uncollected + other.uncollected,
        )

    @property
    def taken(self) -> int:
        """Return what the member had and has no longer."""
        return self.pending + self.available

    @property
    def postings(self) -> tuple[Posting, ...]:
        """Return the postings of a clawback."""
        sources = (
            (PENDING, self.pending),
            (AVAILABLE, self.available),
            (DEBT, self.owed),
            (UNCOLLECTED, self.uncollected),
        )
        return tuple(Posting(source, CLAWED_BACK, points) for source, points in sources if points)


def recover(
    claw: int, figures: Figures, pending: int, policy: RecoveryPolicy, debt_limit: int
) -> Recovery:
    """Meet a claw by the programme's policy; ``pending`` is what is pending of that earn (S3)."""
    from_pending = min(claw, pending)
    rest = claw - from_pending
    if policy is RecoveryPolicy.ONLY_PENDING:
        return Recovery(from_pending, 0, 0, rest)
    from_available = min(rest, figures.available)
    rest -= from_available
    room = max(debt_limit - figures.debt, 0) if policy is RecoveryPolicy.DEBT else 0
    owed = min(rest, room)
    return Recovery(from_pending, from_available, owed, rest - owed)
