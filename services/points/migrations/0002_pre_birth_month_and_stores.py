"""What earning rules need of members and stores: birth month, time of joining, time zone (E2).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_DDL = """
ALTER TABLE members ADD COLUMN birth_month smallint, ADD COLUMN enrolled_at timestamptz;
ALTER TABLE members ADD CONSTRAINT ck_members_birth_month_is_one
    CHECK (birth_month BETWEEN 1 AND 12);
CREATE TABLE stores (
    store_id text NOT NULL CONSTRAINT pk_stores PRIMARY KEY,
    time_zone text NOT NULL,
    sequence bigint NOT NULL
);
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_DDL)
