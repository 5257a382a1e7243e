"""What static cards spend a day.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE card_spending (
    member_id uuid NOT NULL,
    spent_on date NOT NULL,
    points bigint NOT NULL,
    CONSTRAINT pk_card_spending PRIMARY KEY (member_id, spent_on),
    CONSTRAINT ck_card_spending_points_positive CHECK (points > 0)
);
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Undo."""
    op.execute("DROP TABLE card_spending")
