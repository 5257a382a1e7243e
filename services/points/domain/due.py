"""What time alone does to points: they become available, and they lapse (E5, L4).

All of it is due at an instant. Whoever reads counts as done what is due, however late the entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.points.domain import ledger
from services.points.domain.ledger import Figures

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Parcel:
    """Points of one account that have the same dates."""

    points: int
    expires_at: datetime | None
    account: str = ledger.AVAILABLE
    freed_at: datetime | None = None
    """When they become available, unless they are; of held points only if that is past."""

    def lapses_by(self, instant: datetime) -> bool:
        """Return whether they are gone from ``instant`` on."""
        return self.expires_at is not None and self.expires_at <= instant


def catch_up(
    figures: Figures, parcels: Iterable[Parcel], now: datetime
) -> tuple[Figures, list[Parcel]]:
    """Return the figures once all that is due has been done, and what is available then.

    Parcels become available in the order of their instants, and debt is repaid from each (L6). What
    has lapsed by then never becomes available.
    """
    usable, waiting = [], []
    for parcel in parcels:
        if parcel.freed_at is None:
            usable.append(parcel)
        elif parcel.freed_at <= now or parcel.lapses_by(now):
            waiting.append((parcel.freed_at, parcel))
    for freed_at, parcel in sorted(waiting, key=lambda pair: (pair[0], lapse_order(pair[1]))):
        if parcel.lapses_by(min(freed_at, now)):
            figures = figures.after(ledger.expire(parcel.points, parcel.account))
            continue
        figures = figures.after(ledger.free(parcel.points, parcel.account))
        repaid = min(parcel.points, figures.debt)
        if repaid:
            figures = figures.after(ledger.repay(repaid))
        usable.append(replace(parcel, points=parcel.points - repaid))
    left = []
    for parcel in usable:
        if not parcel.lapses_by(now):
            left.append(parcel)
        elif parcel.points:
            figures = figures.after(ledger.expire(parcel.points))
    return figures, [parcel for parcel in left if parcel.points]


def lapse_order(parcel: Parcel) -> datetime:
    """Sort what lapses sooner first, and what never does last."""
    return parcel.expires_at or _NEVER
