"""Offline allowances: what a till may let a member spend before anybody can look (S5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.points.domain.programme import Programme


@dataclass(frozen=True, slots=True)
class Allowance:
    """A promise to one terminal about one member."""

    allowance_id: UUID
    member_id: UUID
    terminal_id: str
    points: int
    used: int
    granted_at: datetime
    valid_until: datetime
    ended_at: datetime | None = None

    @property
    def left(self) -> int:
        """Return what has not been reported as spent."""
        return 0 if self.ended_at is not None else self.points - self.used

    def is_outstanding(self, programme: Programme, now: datetime) -> bool:
        """Return whether a sale that used it may still be reported."""
        last_report = self.valid_until + programme.late_limit + programme.future_tolerance
        return self.left > 0 and now <= last_report

    def covers(
        self, points: int, terminal_id: str, occurred_at: datetime, programme: Programme
    ) -> bool:
        """Return whether a sale that spends ``points`` keeps to it; tills' clocks may be off."""
        slack = programme.future_tolerance
        in_time = self.granted_at - slack <= occurred_at <= self.valid_until + slack
        return self.terminal_id == terminal_id and in_time and points <= self.left


def grantable(
    available: int, granted: Iterable[Allowance], programme: Programme, now: datetime
) -> int:
    """Return what one more terminal may be promised.

    All tills together never hold more than the programme's limit, nor more than the member has: at
    two tills, a member cannot spend the same points twice offline.
    """
    held = sum(each.left for each in granted if each.is_outstanding(programme, now))
    return max(0, min(programme.offline_allowance, available) - held)
