"""Blocked cards, and the history of frozen and closed accounts.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE identifiers
    ADD COLUMN blocked_at timestamptz,
    ADD COLUMN blocked_because bytea,
    ADD CONSTRAINT ck_identifiers_only_cards_blocked CHECK (blocked_at IS NULL OR kind = 'card'),
    ADD CONSTRAINT ck_identifiers_block_complete
        CHECK ((blocked_at IS NULL) = (blocked_because IS NULL));

CREATE TABLE standing_changes (
    change_id uuid NOT NULL CONSTRAINT pk_standing_changes PRIMARY KEY,
    member_id uuid NOT NULL
        CONSTRAINT fk_standing_changes_member_id REFERENCES members (member_id),
    from_status text NOT NULL,
    status text NOT NULL,
    reason bytea NOT NULL,
    actor text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX ix_standing_changes_member_id ON standing_changes (member_id, change_id);
REVOKE UPDATE, DELETE ON standing_changes FROM loyalty_members;
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_TABLES)
