"""The sweep of lapsed lots (L4)."""

from __future__ import annotations

from services.points.repository.book import Book
from shared.db import UnitOfWork

ACCOUNTS_AT_ONCE = 200


def expire_lots(uow: UnitOfWork) -> int:
    """Write the expiry of lapsed lots, some accounts at a time; return how many accounts.

    Nobody waits for it: lapsed points are unusable and uncounted anyway, and whoever touches an
    account sweeps it first. Accounts that somebody works on are left to them.
    """
    book = Book(uow)
    found = book.open_lapsed(ACCOUNTS_AT_ONCE)
    book.flush()
    return found
