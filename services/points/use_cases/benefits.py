"""Points that tiers promise as a benefit, such as a birthday gift (T6)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from services.points.domain.programme import Programme
from services.points.repository import expiry_terms
from services.points.repository.book import Book, Cause
from services.points.use_cases.standing import is_active
from shared.contracts.event import Envelope
from shared.contracts.points import events
from shared.contracts.tiers import events as tiers
from shared.db import UnitOfWork

BENEFIT = "benefit"
"""Kind of reference: the entry was caused by a grant of tiers'."""
_log = structlog.get_logger(__name__)


def award_benefit(uow: UnitOfWork, event: Envelope, *, programme: Programme) -> None:
    """Credit the points of a grant, once: its id is the business key (L7).

    They last as long as points earned now. Whoever may own no points by now gets none.
    """
    gift = event.read(tiers.BENEFIT_GRANTED)
    if not gift["points"]:
        return  # it is a coupon, which is another's business
    book = Book(uow)
    book.open([gift["member_id"]])
    member_id = book.owner(gift["member_id"])
    if not is_active(book.account(member_id)):
        _log.info("benefit_not_awarded", grant_id=str(gift["grant_id"]))
        return
    terms = expiry_terms.history(uow.connection, programme, book.expiry_token)
    expires_at = terms.expiry_of(uow.now)
    cause = Cause(BENEFIT, str(gift["grant_id"]), uow.now, reason_code=gift["kind"])
    entry, _ = book.earn(member_id, gift["points"], cause, expires_at=expires_at, earned_at=uow.now)
    _tell(uow, programme, (member_id, entry), gift["points"], expires_at)
    book.flush()


def _tell(
    uow: UnitOfWork,
    programme: Programme,
    posted: tuple[UUID, UUID],
    points: int,
    expires_at: datetime,
) -> None:
    member_id, entry = posted
    data = {
        "member_id": member_id,
        "transaction_id": entry,
        "points": points,
        "pending": False,
        "expires_at": expires_at,
        "expires_on": programme.last_usable_day(expires_at),
        "sale_id": None,
    }
    uow.emit(events.EARNED, subject=member_id, data=data)
