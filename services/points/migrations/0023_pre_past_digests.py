"""Checkouts that remember what opened them before.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE checkouts ADD COLUMN past_digests jsonb")


def downgrade() -> None:
    """Undo."""
    op.execute("ALTER TABLE checkouts DROP COLUMN past_digests")
