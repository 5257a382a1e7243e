"""On which days the ledger was proven (L2).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.execute("""
CREATE TABLE nightly_proofs (
    day date NOT NULL CONSTRAINT pk_nightly_proofs PRIMARY KEY,
    started_at timestamptz NOT NULL
)
""")


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP TABLE nightly_proofs")
