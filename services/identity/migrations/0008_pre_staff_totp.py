"""A second factor for staff (I3).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE staff_totp (
    staff_id uuid NOT NULL CONSTRAINT pk_staff_totp PRIMARY KEY
        CONSTRAINT fk_staff_totp_staff_id REFERENCES staff (staff_id),
    sealed bytea NOT NULL,
    last_step bigint,
    begun_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    CONSTRAINT ck_staff_totp_used_once_confirmed
        CHECK ((confirmed_at IS NULL) = (last_step IS NULL))
);
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_TABLES)
