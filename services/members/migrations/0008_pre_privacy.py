"""Exports and erasures (M6).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_DDL = """
CREATE TABLE exports (
    job_id uuid NOT NULL CONSTRAINT pk_exports PRIMARY KEY,
    member_id uuid NOT NULL CONSTRAINT fk_exports_member_id REFERENCES members (member_id),
    private_key bytea NOT NULL,
    requested_at timestamptz NOT NULL
);
CREATE INDEX ix_exports_member_id ON exports (member_id);
CREATE TABLE export_parts (
    job_id uuid NOT NULL
        CONSTRAINT fk_export_parts_job_id REFERENCES exports (job_id) ON DELETE CASCADE,
    service text NOT NULL,
    seq integer NOT NULL,
    holding text NOT NULL,
    is_last boolean NOT NULL,
    sealed text NOT NULL,
    CONSTRAINT pk_export_parts PRIMARY KEY (job_id, service, seq)
);
CREATE TABLE erasures (
    member_id uuid NOT NULL CONSTRAINT pk_erasures PRIMARY KEY
        CONSTRAINT fk_erasures_member_id REFERENCES members (member_id),
    job_id uuid NOT NULL,
    requested_at timestamptz NOT NULL
);
CREATE TABLE erasure_acknowledgements (
    member_id uuid NOT NULL
        CONSTRAINT fk_erasure_acknowledgements_member_id REFERENCES erasures (member_id),
    service text NOT NULL,
    done jsonb NOT NULL,
    acknowledged_at timestamptz NOT NULL,
    CONSTRAINT pk_erasure_acknowledgements PRIMARY KEY (member_id, service)
);
-- Who was erased stays on record.
REVOKE UPDATE, DELETE ON erasures, erasure_acknowledgements FROM loyalty_members;
CREATE TABLE stored_answers (
    caller text NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    member_id uuid NOT NULL,
    CONSTRAINT pk_stored_answers PRIMARY KEY (caller, route, key, member_id),
    CONSTRAINT fk_stored_answers_caller_route_key FOREIGN KEY (caller, route, key)
        REFERENCES idempotency (caller, route, key) ON DELETE CASCADE
);
CREATE INDEX ix_stored_answers_member_id ON stored_answers (member_id);
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_DDL)
