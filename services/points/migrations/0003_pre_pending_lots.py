"""Lots whose points are pending (E5).

Phase pre: the default says of every lot so far, and of those that older code adds, what is true.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark; a constant default rewrites no row."""
    op.execute("ALTER TABLE lots ADD COLUMN is_pending boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    """Refuse: a ledger is never thrown away by a migration."""
    raise NotImplementedError("restore a backup instead")
