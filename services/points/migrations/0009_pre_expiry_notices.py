"""Notices of points about to lapse, once each (L4).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE notice_rounds (
    day date NOT NULL CONSTRAINT pk_notice_rounds PRIMARY KEY,
    previous_day date,
    after_member_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    notices bigint NOT NULL DEFAULT 0,
    finished_at timestamptz,
    CONSTRAINT ck_notice_rounds_in_order CHECK (previous_day < day)
);
CREATE TABLE expiry_notices (
    member_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    days_ahead smallint NOT NULL,
    points bigint NOT NULL,
    noticed_at timestamptz NOT NULL,
    CONSTRAINT pk_expiry_notices PRIMARY KEY (member_id, expires_at, days_ahead),
    CONSTRAINT ck_expiry_notices_points_positive CHECK (points > 0)
);
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(_STATEMENTS)


def downgrade() -> None:
    """Refuse: members would be told again."""
    raise NotImplementedError("restore a backup instead")
