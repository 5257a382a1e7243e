"""Which members were imported, so that a file may come again.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_DDL = """
CREATE TABLE imported_rows (
    row_key bytea NOT NULL CONSTRAINT pk_imported_rows PRIMARY KEY,
    content bytea NOT NULL,
    member_id uuid NOT NULL
        CONSTRAINT fk_imported_rows_member_id REFERENCES members (member_id),
    imported_at timestamptz NOT NULL
);
CREATE INDEX ix_imported_rows_member_id ON imported_rows (member_id);
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_DDL)
