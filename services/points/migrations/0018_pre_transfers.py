"""Transfers between members (L10).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_DDL = """
CREATE TABLE transfers (
    transfer_id uuid NOT NULL CONSTRAINT pk_transfers PRIMARY KEY,
    from_member_id uuid NOT NULL,
    to_member_id uuid NOT NULL,
    points bigint NOT NULL,
    note text,
    household_id uuid,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    CONSTRAINT ck_transfers_points_positive CHECK (points > 0),
    CONSTRAINT ck_transfers_members_differ CHECK (from_member_id <> to_member_id)
);
CREATE INDEX ix_transfers_from_member_id ON transfers (from_member_id, transfer_id);
CREATE INDEX ix_transfers_to_member_id ON transfers (to_member_id, transfer_id);
CREATE INDEX ix_transfers_given ON transfers (from_member_id, made_at) INCLUDE (points)
    WHERE household_id IS NULL;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loyalty_points') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON transfers FROM loyalty_points;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(_DDL)


def downgrade() -> None:
    """Refuse: a ledger is never thrown away by a migration."""
    raise NotImplementedError("restore a backup instead")
