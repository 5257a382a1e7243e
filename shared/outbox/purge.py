"""Forgetting events that are through: batches for `Transactions.sweep`.

Times are the database server's own, not the platform's, which a sandbox moves by months at once.
"""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from shared.db.tables import PLATFORM
from shared.db.units import UnitOfWork

OUTBOX_KEPT = timedelta(days=7)
INBOX_KEPT = timedelta(days=30)
"""Longer than the outbox, and longer than a broker holds a message back: an event that may still
come again must find its inbox row."""
BATCH_ROWS = 5_000


def purge_outbox(uow: UnitOfWork, *, kept: timedelta = OUTBOX_KEPT, limit: int = BATCH_ROWS) -> int:
    """Delete published events older than ``kept``, oldest first; return how many."""
    outbox = PLATFORM.outbox
    # Bounded by the primary key alone, so that a large table is not searched for the few.
    oldest = (
        sa.select(outbox.c.id, outbox.c.published_at).order_by(outbox.c.id).limit(limit).subquery()
    )
    old = sa.select(oldest.c.id).where(oldest.c.published_at < sa.func.now() - kept)
    return uow.connection.execute(sa.delete(outbox).where(outbox.c.id.in_(old))).rowcount


def purge_inbox(uow: UnitOfWork, *, kept: timedelta = INBOX_KEPT, limit: int = BATCH_ROWS) -> int:
    """Delete the traces of events that were consumed longer than ``kept`` ago; return how many."""
    inbox = PLATFORM.inbox
    key = sa.tuple_(inbox.c.producer, inbox.c.event_id)
    old = (
        sa.select(inbox.c.producer, inbox.c.event_id)
        .where(inbox.c.consumed_at < sa.func.now() - kept)
        .order_by(inbox.c.consumed_at)
        .limit(limit)
    )
    return uow.connection.execute(sa.delete(inbox).where(key.in_(old))).rowcount
