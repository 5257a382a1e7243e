"""The sweep: what has become due is written (L4, E5)."""

from __future__ import annotations

from services.points.repository import expiry_terms, lapses
from services.points.repository.book import Book
from shared.db import UnitOfWork

ACCOUNTS_AT_ONCE = 64
LOTS_AT_ONCE = 250
"""A slice writes about so many at most: whoever needs one of its accounts waits no longer."""
ONE_BY_ONE_AT_ONCE = 200


def expire_lots(uow: UnitOfWork) -> int:
    """Write the lapses of some accounts on which nothing else is due; return how many accounts.

    Nobody waits for it: lapsed points are unusable and uncounted anyway, and whoever touches an
    account does first what is due on it. Accounts that somebody works on are left to them.
    """
    if expiry_terms.has_unfinished(uow.connection):
        return 0  # some lots may last longer than they say
    members = lapses.lock(uow.connection, uow.now, accounts=ACCOUNTS_AT_ONCE, lots=LOTS_AT_ONCE)
    if members:
        lapses.expire(uow, members)
    return len(members)


def settle_due(uow: UnitOfWork) -> int:
    """Do all that is due on some accounts, one by one; return how many.

    These are few: what is pending or held needs more than a lapse.
    """
    if expiry_terms.has_unfinished(uow.connection):
        return 0
    book = Book(uow)
    found = book.open_due(ONE_BY_ONE_AT_ONCE)
    book.flush()
    return found
