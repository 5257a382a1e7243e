"""What tills were promised that members may spend while they are offline, and who signed it.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE allowance_keys (
    kid text NOT NULL CONSTRAINT pk_allowance_keys PRIMARY KEY,
    sealed bytea NOT NULL,
    public_jwk jsonb NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE offline_allowances (
    allowance_id uuid NOT NULL CONSTRAINT pk_offline_allowances PRIMARY KEY,
    member_id uuid NOT NULL
        CONSTRAINT fk_offline_allowances_member_id REFERENCES accounts (member_id),
    terminal_id text NOT NULL,
    points bigint NOT NULL,
    used bigint NOT NULL,
    granted_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT ck_offline_allowances_used_within_points CHECK (0 <= used AND used <= points),
    CONSTRAINT ck_offline_allowances_points_positive CHECK (points > 0)
);
CREATE INDEX ix_offline_allowances_member_id ON offline_allowances (member_id, valid_until);
CREATE UNIQUE INDEX uq_offline_allowances_one_a_terminal
    ON offline_allowances (member_id, terminal_id) WHERE ended_at IS NULL;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loyalty_points') THEN
        REVOKE DELETE, TRUNCATE ON allowance_keys, offline_allowances FROM loyalty_points;
        REVOKE UPDATE ON allowance_keys FROM loyalty_points;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Refuse: a promise is never thrown away by a migration."""
    raise NotImplementedError("restore a backup instead")
