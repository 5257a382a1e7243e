"""Merged members: what was heard of merges, and to which account each account went (M3).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

from shared.db import platform_ddl

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# A column without a default rewrites no row; a merged account owns and owes nothing.
_DDL = """
ALTER TABLE accounts ADD COLUMN merged_into uuid;
ALTER TABLE accounts ADD CONSTRAINT ck_accounts_nothing_left_once_merged CHECK (
    merged_into IS NULL OR (pending = 0 AND available = 0 AND held = 0 AND debt = 0)
) NOT VALID;
"""


def upgrade() -> None:
    """Apply."""
    platform_ddl.create_merges_v1()
    op.execute(_DDL)


def downgrade() -> None:
    """Refuse: a ledger is never thrown away by a migration."""
    raise NotImplementedError("restore a backup instead")
