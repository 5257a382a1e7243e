"""What dry runs of imports have read, so that they notice what comes twice.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_DDL = """
CREATE TABLE rehearsed_rows (
    job_id uuid NOT NULL,
    kind text NOT NULL,
    digest bytea NOT NULL,
    content bytea,
    CONSTRAINT pk_rehearsed_rows PRIMARY KEY (job_id, kind, digest),
    CONSTRAINT ck_rehearsed_rows_kind_known CHECK (kind IN ('phone', 'email', 'card', 'row')),
    CONSTRAINT ck_rehearsed_rows_content_of_row CHECK ((kind = 'row') = (content IS NOT NULL))
);
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_DDL)
