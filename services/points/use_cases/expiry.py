"""The sweep: what has become due is written (L4, E5)."""

from __future__ import annotations

from services.points.repository import expiry_terms
from services.points.repository.book import Book
from shared.db import UnitOfWork

ACCOUNTS_AT_ONCE = 200


def expire_lots(uow: UnitOfWork) -> int:
    """Write lapses and activations that are due, some accounts at a time; return how many.

    Nobody waits for it: what is due counts as done anyway, and whoever touches an account does it
    first. Accounts that somebody works on are left to them.
    """
    if expiry_terms.has_unfinished(uow.connection):
        return 0  # some lots may last longer than they say
    book = Book(uow)
    found = book.open_due(ACCOUNTS_AT_ONCE)
    book.flush()
    return found
