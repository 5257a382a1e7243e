"""Changes of how long points last: what a change may do, and what it means for each lot (L12)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.points.domain.programme import ROUND_TO, LotTerms, Programme
from shared.errors.points import (
    ExpiryChangeInPast,
    ExpiryChangeOutOfOrder,
    ExpiryForceRequired,
    ExpiryNoticeTooShort,
    ExpiryReasonRequired,
    ExpiryUnchanged,
)

NOTICE = timedelta(days=30)
"""How long before it takes effect a change must be known that lets points lapse sooner."""
_LEAP_CYCLE = [date(2027, 1, 1) + timedelta(days=number) for number in range(4 * 365 + 1)]
_LONGEST_ROUNDING_MONTHS = 13
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ExpiryChange:
    """Other terms for the points earned from an instant on."""

    terms: LotTerms
    effective_from: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """Points earned from one instant until another last until the same third."""

    earned_from: datetime
    earned_until: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ExpiryHistory:
    """The programme's own terms and all changes of them, in the order they take effect."""

    programme: Programme
    changes: tuple[ExpiryChange, ...] = ()

    def terms_at(self, instant: datetime) -> LotTerms:
        """Return the terms in force; of two changes from the same instant on, the later word."""
        for change in reversed(self.changes):
            if change.effective_from <= instant:
                return change.terms
        return self.programme.lot_terms

    def expiry_of(self, earned_at: datetime) -> datetime:
        """Return when points earned at an instant lapse, whenever they are reported.

        It is what the terms of that instant say, or the later expiry of any change that takes
        effect while the points last: a change never takes away what was earned.
        """
        expires_at = self.programme.expiry_of(earned_at, self.terms_at(earned_at))
        for change in self.changes:
            if earned_at < change.effective_from < expires_at:
                changed = self.programme.expiry_of(earned_at, change.terms)
                expires_at = max(expires_at, changed)
        return expires_at

    def judge(
        self, wanted: ExpiryChange, now: datetime, *, force: bool, reason: str | None
    ) -> bool:
        """Return whether a change lets points lapse sooner than they would without it.

        Raises:
            ExpiryChangeInPast: what was earned by then is settled.
            ExpiryChangeOutOfOrder: a change is known that takes effect later.
            ExpiryUnchanged: it says what holds anyway.
            ExpiryForceRequired: points would lapse sooner, and nobody insists.
            ExpiryReasonRequired: likewise, and no reason is given.
            ExpiryNoticeTooShort: likewise, in less than 30 days.
        """
        if wanted.effective_from < now:
            raise ExpiryChangeInPast
        if self.changes and wanted.effective_from < self.changes[-1].effective_from:
            raise ExpiryChangeOutOfOrder(not_before=_text(self.changes[-1].effective_from))
        before = self.terms_at(wanted.effective_from)
        if wanted.terms == before:
            raise ExpiryUnchanged
        if not shortens(before, wanted.terms):
            return False
        if not force:
            raise ExpiryForceRequired
        if reason is None:
            raise ExpiryReasonRequired
        if wanted.effective_from < now + NOTICE:
            raise ExpiryNoticeTooShort(not_before=_text(now + NOTICE))
        return True

    def periods(self, change: ExpiryChange) -> Iterator[Period]:
        """Say of all points that may still last when a change takes effect what it says of them.

        One day beyond that is covered too, for awards under way while the change was announced.
        """
        known = [self.programme.lot_terms, *(earlier.terms for earlier in self.changes)]
        longest = max(terms.months for terms in known) + _LONGEST_ROUNDING_MONTHS
        end = self.programme.local_date(change.effective_from) + 2 * _DAY
        first = _months_before(end, longest)
        days = (first + number * _DAY for number in range((end - first).days))
        for last_day, group in itertools.groupby(days, change.terms.last_day):
            earned_on = list(group)
            yield Period(
                self.programme.start_of_day(earned_on[0]),
                self.programme.start_of_day(earned_on[-1] + _DAY),
                self.programme.start_of_day(last_day + _DAY),
            )


def shortens(before: LotTerms, after: LotTerms) -> bool:
    """Return whether points of any day of the year lapse sooner."""
    if before.months == after.months:  # the periods are in the order of their lengths
        return ROUND_TO.index(after.round_to) < ROUND_TO.index(before.round_to)
    return any(after.last_day(day) < before.last_day(day) for day in _LEAP_CYCLE)


def _months_before(day: date, months: int) -> date:
    count = day.year * 12 + (day.month - 1) - months
    return date(count // 12, count % 12 + 1, 1)


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
