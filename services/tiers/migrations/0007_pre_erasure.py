"""History of members who were erased (M6).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let what staff wrote about a member go with it; what happened stays as it was."""
    op.execute("GRANT UPDATE (note) ON tier_history TO loyalty_tiers")
