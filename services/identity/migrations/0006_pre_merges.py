"""Merged members: who a session belongs to by now (M3).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from shared.db import platform_ddl

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    platform_ddl.create_merges_v1()
