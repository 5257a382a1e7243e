"""Members who stand alike have the same before them: the rules are asked once for all of them.

What time makes of a member hangs on its tier, its review and its floor, and of what it bought only
on which threshold that reaches. Its own instants (since when, judged when) are carried along. So
one example stands for a whole group, with `BEGINNING` for whatever is each member's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from services.tiers.domain.floors import Floor
from services.tiers.domain.machine import Earned, Life
from services.tiers.domain.programme import BEGINNING
from services.tiers.domain.standing import (
    ACTIVE,
    Change,
    Due,
    Notice,
    Standing,
    Window,
    due_next,
    pass_due,
    pass_notice,
)
from shared.ids import NIL


class Alike(NamedTuple):
    """What of an active member's standing its future hangs on, beside its own instants."""

    version: int
    earned_rank: int
    review_on: date
    in_grace: bool
    notified: int
    tier: str
    rank: int
    source: str
    floor_tier: str | None
    floor_rank: int
    floor_source: str
    floor_changes_at: datetime | None

    def example(
        self,
        began_at: datetime,
        *,
        told_from: datetime = BEGINNING,
        judged_at: datetime = BEGINNING,
    ) -> Standing:
        """Return one who stands so; give its own instants where they hold back what is due."""
        floor = None
        if self.floor_tier is not None:
            source = self.floor_source
            floor = Floor(self.floor_tier, self.floor_rank, source, BEGINNING, BEGINNING, "")
        return Standing(
            member_id=NIL,
            began_at=began_at,
            enrolled=True,
            status=ACTIVE,
            earned=Earned(
                self.version, self.earned_rank, BEGINNING, self.review_on, self.in_grace, judged_at
            ),
            tier=self.tier,
            rank=self.rank,
            source=self.source,
            since=BEGINNING,
            told_from=told_from,
            notified=self.notified,
            floor=floor,
            floor_changes_at=self.floor_changes_at,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a due thing makes of those who stand alike and reach the same.

    An instant of ``standing`` that is `BEGINNING` stays as each member has it; so does what
    ``change`` and ``notice`` say of how much a member has.
    """

    standing: Standing
    due_at: datetime
    change: Change | None = None
    notice: Notice | None = None


def as_far(standing: Standing, window: Window | None, due: Due, count: int) -> int:
    """Return the least that has the same outcome as ``count``."""
    if window is None:
        return 0
    if due.kind == "programme":
        return window.rules.reached(count).threshold
    threshold = window.rules.at_rank(standing.earned.rank).threshold
    return threshold if count >= threshold else 0


def outcome(standing: Standing, life: Life, due: Due, count: int, now: datetime) -> Outcome:
    """Return where members stand once something due is done; nothing is done before its time."""
    if due.at > now:
        return Outcome(standing, due.at)
    if due.kind == "notice":
        moved, notice = pass_notice(standing, life, count, now)
        return Outcome(moved, due_next(moved, life).at, notice=notice)
    moved, change = pass_due(standing, life, due, count)
    return Outcome(moved, due_next(moved, life).at, change)
