"""Grants become lots: posted to the journal, told as events (E5, L3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from services.points.domain import rules
from services.points.domain.programme import Programme
from services.points.domain.rules import Grant
from services.points.repository import expiry_terms
from services.points.repository.book import SALE, Book, Cause
from shared.contracts.points import events


@dataclass(frozen=True, slots=True)
class Posted:
    """A grant that became a lot."""

    grant: Grant
    lot_id: UUID
    activates_at: datetime | None
    """When its points can be used; None if at once (E5)."""


@dataclass(frozen=True, slots=True)
class Awarded:
    """What became of a judgement."""

    posted: tuple[Posted, ...] = ()

    @property
    def points(self) -> int:
        """Return how many points were awarded."""
        return sum(each.grant.points for each in self.posted)

    @property
    def lot_id(self) -> UUID | None:
        """Return the one lot of all lines, where that is all there is."""
        if len(self.posted) != 1 or self.posted[0].grant.rule.kind != rules.BASE:
            return None
        return self.posted[0].lot_id

    def pending(self, now: datetime) -> int:
        """Return how many of the points cannot be used yet."""
        return sum(
            each.grant.points
            for each in self.posted
            if each.activates_at is not None and each.activates_at > now
        )

    def available_on(self, now: datetime, programme: Programme) -> date | None:
        """Return the local day from which all of them can be used; None where there are none."""
        if not self.posted:
            return None
        return programme.local_date(max(each.activates_at or now for each in self.posted))


def post(
    book: Book, programme: Programme, member_id: UUID, grants: Iterable[Grant], cause: Cause
) -> Awarded:
    """Credit each grant as a lot of its own, under its rule's business key (L7).

    ``cause`` says what it is for, without rule and explanation.
    """
    return Awarded(tuple(_post(book, programme, member_id, grant, cause) for grant in grants))


def _post(book: Book, programme: Programme, member_id: UUID, grant: Grant, cause: Cause) -> Posted:
    rule, at = grant.rule, cause.occurred_at
    if rule.lot is None:
        known = expiry_terms.history(book.uow.connection, programme, book.expiry_token)
        expires_at, earned_at = known.expiry_of(at), at
    else:
        expires_at, earned_at = programme.expiry_of(at, rule.lot), None
    activates_at = at + timedelta(days=rule.pending_days) if rule.pending_days else None
    because = Cause(cause.kind, cause.id, at, rule.key, explain=list(grant.explain))
    entry, lot_id = book.earn(
        member_id,
        grant.points,
        because,
        expires_at=expires_at,
        activates_at=activates_at,
        earned_at=earned_at,
    )
    book.uow.emit(
        events.EARNED,
        subject=member_id,
        occurred_at=at,
        data={
            "member_id": member_id,
            "transaction_id": entry,
            "points": grant.points,
            "pending": activates_at is not None and activates_at > book.uow.now,
            "expires_at": expires_at,
            "expires_on": programme.last_usable_day(expires_at),
            "sale_id": cause.id if cause.kind == SALE else None,
        },
    )
    return Posted(grant, lot_id, activates_at)
