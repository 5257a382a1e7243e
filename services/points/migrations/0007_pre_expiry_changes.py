"""Changes of how long points last, and what they mean for lots that exist (L12).

Phase pre: lots that older code adds have no ``earned_at``, and keep the expiry they were given.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATEMENTS = """
ALTER TABLE lots ADD COLUMN earned_at timestamptz;
UPDATE lots SET earned_at = t.occurred_at FROM transactions t
WHERE t.member_id = lots.member_id AND t.number = lots.number AND t.type = 'earn';
CREATE TABLE expiry_changes (
    change_id uuid NOT NULL CONSTRAINT pk_expiry_changes PRIMARY KEY,
    number bigint NOT NULL CONSTRAINT uq_expiry_changes_number UNIQUE,
    months bigint NOT NULL,
    round_to text NOT NULL,
    effective_from timestamptz NOT NULL,
    previous_months bigint NOT NULL,
    previous_round_to text NOT NULL,
    shortens boolean NOT NULL,
    force boolean NOT NULL,
    reason text,
    announced_at timestamptz NOT NULL,
    announced_by text NOT NULL,
    request_id text NOT NULL,
    CONSTRAINT ck_expiry_changes_round_to_known
        CHECK (round_to IN ('day', 'month_end', 'year_end')),
    CONSTRAINT ck_expiry_changes_months_in_range CHECK (0 <= months AND months <= 1200),
    CONSTRAINT ck_expiry_changes_never_retroactive CHECK (effective_from >= announced_at),
    CONSTRAINT ck_expiry_changes_shortened_with_notice CHECK (
        NOT shortens
        OR (force AND reason IS NOT NULL AND effective_from >= announced_at + interval '720 hours')
    )
);
CREATE TABLE expiry_periods (
    change_id uuid NOT NULL
        CONSTRAINT fk_expiry_periods_change_id REFERENCES expiry_changes (change_id),
    earned_from timestamptz NOT NULL,
    earned_until timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_expiry_periods PRIMARY KEY (change_id, earned_from),
    CONSTRAINT ck_expiry_periods_not_empty CHECK (earned_from < earned_until)
);
CREATE TABLE expiry_passes (
    change_id uuid NOT NULL CONSTRAINT pk_expiry_passes PRIMARY KEY
        CONSTRAINT fk_expiry_passes_change_id REFERENCES expiry_changes (change_id),
    announced_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    after_member_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    lots_extended bigint NOT NULL DEFAULT 0,
    finished_at timestamptz,
    CONSTRAINT ck_expiry_passes_extended_not_negative CHECK (lots_extended >= 0)
);
CREATE INDEX ix_expiry_passes_unfinished ON expiry_passes (change_id) WHERE finished_at IS NULL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON expiry_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON expiry_periods
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loyalty_points') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON expiry_changes, expiry_periods FROM loyalty_points;
        REVOKE DELETE, TRUNCATE ON expiry_passes FROM loyalty_points;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Note of each lot when it was earned, and make room for changes."""
    op.execute(_STATEMENTS)


def downgrade() -> None:
    """Refuse: a ledger is never thrown away by a migration."""
    raise NotImplementedError("restore a backup instead")
