"""By which merges an offline allowance came to its member.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


_UP = """
ALTER TABLE offline_allowances ADD COLUMN merge_ids uuid[] NOT NULL DEFAULT '{}'::uuid[];
DROP INDEX uq_offline_allowances_one_a_terminal;
-- Two members that became one may each have been promised something by the same till.
CREATE UNIQUE INDEX uq_offline_allowances_one_a_terminal
    ON offline_allowances (member_id, terminal_id) WHERE ended_at IS NULL AND merge_ids = '{}';
"""
_DOWN = """
DROP INDEX uq_offline_allowances_one_a_terminal;
CREATE UNIQUE INDEX uq_offline_allowances_one_a_terminal
    ON offline_allowances (member_id, terminal_id) WHERE ended_at IS NULL;
ALTER TABLE offline_allowances DROP COLUMN merge_ids;
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_UP)


def downgrade() -> None:
    """Undo."""
    op.execute(_DOWN)
