"""Accounts of members who were erased (M6).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

# Beside the account's figures, so that whoever has waited for the account's lock sees it.
_DDL = """
ALTER TABLE accounts ADD COLUMN erased_at timestamptz;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loyalty_points') THEN
        -- What members wrote about it goes with them; the transfer itself stays as it was.
        GRANT UPDATE (note) ON transfers TO loyalty_points;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Add the column."""
    op.execute(_DDL)


def downgrade() -> None:
    """Refuse: a ledger is never thrown away by a migration."""
    raise NotImplementedError("restore a backup instead")
