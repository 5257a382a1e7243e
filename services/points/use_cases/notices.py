"""Notices of points about to lapse (L4)."""

from __future__ import annotations

from services.points.domain.notices import windows
from services.points.domain.programme import Programme
from services.points.repository import expiry_terms, notices
from shared.db import UnitOfWork

ACCOUNTS_AT_ONCE = 2_000


def notice_expiring(uow: UnitOfWork, *, programme: Programme) -> int:
    """Tell some more members what lapses in 30, 7 or 1 days; return 0 once today's are done.

    Nobody waits for it: no account is locked. What is spent by then is not spoken of.
    """
    if expiry_terms.has_unfinished(uow.connection):
        return 0  # some lots may last longer than they say
    current = notices.lock_round(uow.connection, programme.local_date(uow.now))
    if current is None:
        return 0
    due = list(windows(programme, current.previous_day, current.day))
    done = notices.notice(uow, current, due, programme=programme, accounts=ACCOUNTS_AT_ONCE)
    return max(done, 1)
