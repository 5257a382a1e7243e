"""The audit trail (I4).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from shared.db import platform_ddl

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    platform_ddl.create_audit_v1("points")
