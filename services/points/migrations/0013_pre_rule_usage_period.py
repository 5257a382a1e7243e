"""Find what caps counted long ago, to forget it.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.execute("CREATE INDEX ix_rule_usage_period ON rule_usage (period) WHERE period <> ''")
