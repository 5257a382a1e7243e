"""Merged members: what was heard of merges, and whose a coupon was at first (M3).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

from shared.db import platform_ddl

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# A column without a default rewrites no row.
_DDL = "ALTER TABLE coupons ADD COLUMN origin_member_id uuid"


def upgrade() -> None:
    """Apply."""
    platform_ddl.create_merges_v1()
    op.execute(_DDL)
