"""The sweep: what has become due is written (L4, E5)."""

from __future__ import annotations

from services.points.repository import expiry_terms, lapses
from services.points.repository.book import Book
from shared.db import UnitOfWork
from shared.pace import Pace

LOTS_AT_ONCE = 400
LOTS_AT_LEAST = 40
LOTS_EACH = 4
"""Of an account, as a guess: those locked in vain make others wait for nothing."""
SLICE_S = 0.04
"""A slice should take no longer, because whoever needs one of its accounts waits for its end."""
ONE_BY_ONE_AT_ONCE = 200


def lapse_pace() -> Pace:
    """Return how a lane of the sweep finds how many lots to take at once."""
    return Pace(SLICE_S, LOTS_AT_ONCE, LOTS_AT_LEAST)


def expire_lots(uow: UnitOfWork, *, lots: int) -> int:
    """Write the lapses of some accounts on which nothing else is due; return how many accounts.

    These have about so many lots in all, or it is one that has more.

    Nobody waits for it: lapsed points are unusable and uncounted anyway, and whoever touches an
    account does first what is due on it. Accounts that somebody works on are left to them.
    """
    if expiry_terms.has_unfinished(uow.connection):
        return 0  # some lots may last longer than they say
    members = lapses.lock(uow.connection, uow.now, accounts=max(1, lots // LOTS_EACH), lots=lots)
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
