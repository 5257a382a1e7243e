"""Rotating codes: whose they are, what signs them, and which were used.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE members
    ADD COLUMN code_handle bigint CONSTRAINT uq_members_code_handle UNIQUE;

CREATE TABLE code_keys (
    kid text NOT NULL CONSTRAINT pk_code_keys PRIMARY KEY,
    state text NOT NULL,
    sealed_private bytea NOT NULL,
    public_jwk jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    CONSTRAINT ck_code_keys_state_known CHECK (state IN ('next', 'current', 'retired')),
    CONSTRAINT ck_code_keys_retired_at_fits
        CHECK ((state = 'retired') = (retired_at IS NOT NULL))
);
CREATE UNIQUE INDEX uq_code_keys_one_current ON code_keys (state) WHERE state = 'current';

CREATE TABLE code_uses (
    member_id uuid NOT NULL CONSTRAINT fk_code_uses_member_id REFERENCES members (member_id),
    step bigint NOT NULL,
    use_id text NOT NULL,
    spends boolean NOT NULL,
    used_at timestamptz NOT NULL,
    CONSTRAINT pk_code_uses PRIMARY KEY (member_id, step, use_id, spends)
);
CREATE UNIQUE INDEX uq_code_uses_one_spend ON code_uses (member_id, step) WHERE spends;
CREATE INDEX ix_code_uses_used_at ON code_uses (used_at);
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_TABLES)
