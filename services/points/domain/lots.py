"""Lots: which give when points leave (L3), and where spent points go home to (S4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.points.domain.programme import Programme


@dataclass(frozen=True, slots=True)
class Lot:
    """What is left of a lot; while it is pending, none of it can be spent (E5)."""

    lot_id: UUID
    points: int
    activated_at: datetime
    expires_at: datetime | None
    is_pending: bool = False

    def lapses_by(self, instant: datetime) -> bool:
        """Return whether it is gone from ``instant`` on."""
        return self.expires_at is not None and self.expires_at <= instant


@dataclass(frozen=True, slots=True)
class Draw:
    """Points that one lot gave."""

    lot_id: UUID
    points: int
    expires_at: datetime | None = None


def draw(lots: Iterable[Draw], points: int) -> list[Draw]:
    """Take ``points`` from what each of ``lots`` has left, in their order.

    May return less than ``points`` when the lots have less.
    """
    drawn = []
    for lot in lots:
        if points == 0:
            break
        taken = min(lot.points, points)
        drawn.append(Draw(lot.lot_id, taken, lot.expires_at))
        points -= taken
    return drawn


def homes(spent: Sequence[Draw], restored_before: int, points: int) -> list[Draw]:
    """Return which lots ``points`` of a spend go home to.

    The lot that gave last gets back first, so that what a partial refund brings back is what lasts
    longest. ``restored_before`` points of the spend have gone home already.
    """
    going: list[Draw] = []
    for lot in reversed(spent):
        skipped = min(lot.points, restored_before)
        restored_before -= skipped
        room = min(lot.points - skipped, points)
        points -= room
        if room:
            going.append(Draw(lot.lot_id, room, lot.expires_at))
    return going


def part_on_credit(spent: Sequence[Draw], redeemed: int, restored_before: int, points: int) -> int:
    """Return how many of ``points`` that come back were owed rather than drawn from lots (S5).

    What was owed comes back first, so that a member does not owe while it owns.
    """
    owed = redeemed - sum(lot.points for lot in spent)
    return max(0, min(points, owed - restored_before))


def home_expiry(
    expires_at: datetime | None, now: datetime, programme: Programme, *, merchant_fault: bool
) -> datetime | None:
    """Return until when points last that come home to a lot that lapses at ``expires_at``.

    The lot's own expiry; 30 days from now if it has lapsed (S4); and if the merchant was at fault,
    7 days from now at least (C4).
    """
    if expires_at is None:
        return None
    if expires_at <= now:
        return now + programme.reinstated_for
    if merchant_fault:
        return max(expires_at, now + programme.fault_grace)
    return expires_at
