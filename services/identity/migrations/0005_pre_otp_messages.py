"""One-time codes on their way to phones.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE otp_messages (
    otp_id uuid NOT NULL CONSTRAINT pk_otp_messages PRIMARY KEY,
    sealed bytea NOT NULL,
    tries smallint NOT NULL,
    created_at timestamptz NOT NULL,
    next_try_at timestamptz NOT NULL
);
CREATE INDEX ix_otp_messages_next_try_at ON otp_messages (next_try_at);
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_TABLES)
