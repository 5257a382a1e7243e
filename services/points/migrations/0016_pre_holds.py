"""Holds: points set aside for an order (L5).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_DDL = """
CREATE TABLE holds (
    hold_id uuid NOT NULL CONSTRAINT pk_holds PRIMARY KEY,
    member_id uuid NOT NULL,
    number bigint NOT NULL,
    order_id text NOT NULL,
    points bigint NOT NULL,
    captured bigint NOT NULL,
    status text NOT NULL,
    placed_by text NOT NULL,
    store_id text,
    placed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT fk_holds_member_id_number FOREIGN KEY (member_id, number)
        REFERENCES transactions (member_id, number),
    CONSTRAINT ck_holds_status_known CHECK (status IN ('held', 'captured', 'released', 'expired')),
    CONSTRAINT ck_holds_points_positive CHECK (points > 0),
    CONSTRAINT ck_holds_capture_within_hold CHECK (0 <= captured AND captured <= points),
    CONSTRAINT ck_holds_captured_something CHECK ((status = 'captured') = (captured > 0)),
    CONSTRAINT ck_holds_closed_unless_held CHECK ((status = 'held') = (closed_at IS NULL))
);
CREATE UNIQUE INDEX uq_holds_order_id ON holds (order_id) WHERE status IN ('held', 'captured');
CREATE INDEX ix_holds_open ON holds (member_id, expires_at) WHERE status = 'held';
CREATE INDEX ix_holds_member_id ON holds (member_id, hold_id);
CREATE INDEX ix_holds_placed_by ON holds (placed_by, hold_id);
CREATE INDEX ix_holds_order_id ON holds (order_id, hold_id);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loyalty_points') THEN
        REVOKE DELETE, TRUNCATE ON holds FROM loyalty_points;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(_DDL)


def downgrade() -> None:
    """Refuse: a ledger is never thrown away by a migration."""
    raise NotImplementedError("restore a backup instead")
