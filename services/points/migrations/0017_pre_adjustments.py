"""Adjustments by staff, and the accounts that they and transfers move points to and from (L9, L10).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# NOT VALID, so that no journal of millions is read under the lock: its rows met a narrower check.
_ACCOUNTS = """
ALTER TABLE postings
    DROP CONSTRAINT ck_postings_debit_known,
    DROP CONSTRAINT ck_postings_credit_known,
    ADD CONSTRAINT ck_postings_debit_known CHECK (debit IN (
        'pending', 'available', 'held', 'debt', 'issued', 'redeemed', 'expired', 'clawed_back',
        'uncollected', 'adjusted', 'transferred'
    )) NOT VALID,
    ADD CONSTRAINT ck_postings_credit_known CHECK (credit IN (
        'pending', 'available', 'held', 'debt', 'issued', 'redeemed', 'expired', 'clawed_back',
        'uncollected', 'adjusted', 'transferred'
    )) NOT VALID;
"""

_ADJUSTMENTS = """
CREATE TABLE adjustments (
    adjustment_id uuid NOT NULL CONSTRAINT pk_adjustments PRIMARY KEY,
    member_id uuid NOT NULL,
    points bigint NOT NULL,
    reason_code text NOT NULL,
    note text NOT NULL,
    expires_at timestamptz,
    status text NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    decided_by text,
    decided_at timestamptz,
    transaction_id uuid,
    CONSTRAINT ck_adjustments_points_not_zero CHECK (points <> 0),
    CONSTRAINT ck_adjustments_status_known
        CHECK (status IN ('pending_approval', 'approved', 'rejected')),
    CONSTRAINT ck_adjustments_done_if_approved
        CHECK ((status = 'approved') = (transaction_id IS NOT NULL)),
    CONSTRAINT ck_adjustments_undecided_while_pending
        CHECK (status <> 'pending_approval' OR decided_by IS NULL),
    CONSTRAINT ck_adjustments_rejected_by_somebody
        CHECK (status <> 'rejected' OR decided_by IS NOT NULL),
    CONSTRAINT ck_adjustments_approved_by_another
        CHECK (status <> 'approved' OR decided_by <> requested_by),
    CONSTRAINT ck_adjustments_decided_by_somebody_at_some_time
        CHECK ((decided_by IS NULL) = (decided_at IS NULL))
);
CREATE INDEX ix_adjustments_member_id ON adjustments (member_id, adjustment_id);
CREATE INDEX ix_adjustments_pending ON adjustments (adjustment_id)
    WHERE status = 'pending_approval';
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loyalty_points') THEN
        REVOKE DELETE, TRUNCATE ON adjustments FROM loyalty_points;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Widen the journal's checks and create the table."""
    op.execute(_ACCOUNTS)
    op.execute(_ADJUSTMENTS)


def downgrade() -> None:
    """Refuse: a ledger is never thrown away by a migration."""
    raise NotImplementedError("restore a backup instead")
