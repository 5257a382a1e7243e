"""Households, so that their owners can pool points (L10).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_DDL = """
CREATE TABLE households (
    household_id uuid NOT NULL CONSTRAINT pk_households PRIMARY KEY,
    owner_member_id uuid,
    member_ids uuid[] NOT NULL,
    sequence bigint NOT NULL
);
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(_DDL)


def downgrade() -> None:
    """Undo."""
    op.execute("DROP TABLE households")
