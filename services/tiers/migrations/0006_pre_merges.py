"""Merged members: what was heard of merges, and whose facts were at first (M3).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

from shared.db import platform_ddl

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Columns without a default rewrite no row.
_DDL = """
ALTER TABLE contributions ADD COLUMN origin_member_id uuid;
ALTER TABLE tier_overrides ADD COLUMN origin_member_id uuid;
ALTER TABLE subscriptions ADD COLUMN origin_member_id uuid;
ALTER TABLE benefit_uses ADD COLUMN origin_member_id uuid;
CREATE INDEX ix_benefit_uses_member_id ON benefit_uses (member_id, used_at);
"""


def upgrade() -> None:
    """Apply."""
    platform_ddl.create_merges_v1()
    op.execute(_DDL)
