"""Tell of the stores that were opened before there was an event to tell it by.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TELL = """
INSERT INTO event_sequences (subject, last) SELECT store_id, 1 FROM stores;
INSERT INTO outbox (event_id, type, version, subject, sequence, occurred_at, recorded_at, data)
SELECT gen_random_uuid(), 'store.opened', 1, store_id, 1, created_at, now(),
    jsonb_build_object(
        'store_id', store_id, 'name', name, 'time_zone', time_zone, 'active', active)
FROM stores ORDER BY store_id;
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_TELL)
