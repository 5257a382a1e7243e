"""Checkouts that keep what was promised, and the points held for it (H1, H2).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_DDL = """
ALTER TABLE checkouts
    ADD COLUMN promise jsonb,
    ADD COLUMN hold_id uuid,
    ADD COLUMN ready_at timestamptz,
    ADD COLUMN reason_code text,
    ADD CONSTRAINT ck_checkouts_holds_for_a_promise
        CHECK (hold_id IS NULL OR promise IS NOT NULL),
    ADD CONSTRAINT ck_checkouts_reason_of_a_cancel
        CHECK (reason_code IS NULL OR status = 'cancelled');
CREATE INDEX ix_checkouts_hold_id ON checkouts (hold_id) WHERE hold_id IS NOT NULL;
CREATE INDEX ix_checkouts_open_of_member ON checkouts (member_id)
    WHERE status = 'open' AND promise IS NOT NULL;
"""


def upgrade() -> None:
    """Add the columns."""
    op.execute(_DDL)


def downgrade() -> None:
    """Refuse: orders that are open hold points by these columns."""
    raise NotImplementedError("restore a backup instead")
