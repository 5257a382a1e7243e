"""Pools of codes that nobody holds yet.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATEMENTS = """
ALTER TABLE coupons ADD COLUMN code_no bigint;
CREATE UNIQUE INDEX uq_coupons_code_no ON coupons (campaign_id, code_no)
    WHERE code_no IS NOT NULL;
CREATE TABLE code_pools (
    campaign_id uuid NOT NULL CONSTRAINT pk_code_pools PRIMARY KEY
        CONSTRAINT fk_code_pools_campaign_id REFERENCES campaigns (campaign_id),
    -- The number of the last code made, and of the last one that was shown in full.
    made bigint NOT NULL,
    exported bigint NOT NULL,
    CONSTRAINT ck_code_pools_exported_was_made CHECK (exported BETWEEN 0 AND made)
);
"""


def upgrade() -> None:
    """Add a column that is NULL for what there is, and an empty table."""
    op.execute(_STATEMENTS)


def downgrade() -> None:
    """Drop what was added."""
    op.execute("DROP TABLE code_pools; ALTER TABLE coupons DROP COLUMN code_no;")
