"""Members who were erased (M6).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE erased_members (
    member_id uuid NOT NULL CONSTRAINT pk_erased_members PRIMARY KEY,
    erased_at timestamptz NOT NULL
);
REVOKE UPDATE, DELETE ON erased_members FROM loyalty_identity;
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_TABLES)
