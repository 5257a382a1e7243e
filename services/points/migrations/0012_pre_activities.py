"""What members do beside buying, recorded once each (E2, L7).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_DDL = """
CREATE TABLE activities (
    activity_id text NOT NULL CONSTRAINT pk_activities PRIMARY KEY,
    member_id uuid NOT NULL,
    activity text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    local_day date NOT NULL,
    counted boolean NOT NULL,
    points bigint NOT NULL,
    content_hash text NOT NULL,
    answer text NOT NULL,
    CONSTRAINT ck_activities_activity_known CHECK (activity IN (
        'check_in', 'review', 'share', 'survey', 'referral', 'profile_complete', 'event'
    )),
    CONSTRAINT ck_activities_points_never_negative CHECK (points >= 0)
);
CREATE UNIQUE INDEX uq_activities_check_in_once_a_day ON activities (member_id, local_day)
    WHERE activity = 'check_in' AND counted;
CREATE UNIQUE INDEX uq_activities_profile_complete_once ON activities (member_id)
    WHERE activity = 'profile_complete' AND counted;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loyalty_points') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON activities FROM loyalty_points;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(_DDL)
