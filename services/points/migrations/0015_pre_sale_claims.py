"""Sales recorded without a member, claimed later; once each (S6).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE sale_claims (
    sale_id text NOT NULL CONSTRAINT pk_sale_claims PRIMARY KEY
        CONSTRAINT fk_sale_claims_sale_id REFERENCES sales (sale_id),
    member_id uuid NOT NULL,
    claimed_at timestamptz NOT NULL,
    claimed_by text NOT NULL,
    answer text NOT NULL
);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loyalty_points') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON sale_claims FROM loyalty_points;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Refuse: a claim is never thrown away by a migration."""
    raise NotImplementedError("restore a backup instead")
