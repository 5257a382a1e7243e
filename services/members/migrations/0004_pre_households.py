"""Households: who shares, in which role, and who was asked to join (L10).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE households (
    household_id uuid NOT NULL CONSTRAINT pk_households PRIMARY KEY,
    name bytea,
    closed_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT ck_households_nameless_once_closed CHECK ((name IS NULL) OR (closed_at IS NULL))
);

CREATE TABLE household_members (
    member_id uuid NOT NULL CONSTRAINT pk_household_members PRIMARY KEY
        CONSTRAINT fk_household_members_member_id REFERENCES members (member_id),
    household_id uuid NOT NULL
        CONSTRAINT fk_household_members_household_id REFERENCES households (household_id),
    role text NOT NULL,
    joined_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    CONSTRAINT ck_household_members_role_known CHECK (role IN ('owner', 'member'))
);
CREATE INDEX ix_household_members_household_id ON household_members (household_id);
CREATE UNIQUE INDEX uq_household_members_one_owner ON household_members (household_id)
    WHERE role = 'owner';

CREATE TABLE household_invitations (
    household_id uuid NOT NULL
        CONSTRAINT fk_household_invitations_household_id REFERENCES households (household_id),
    -- No reference: an invitation must not tell its sender whether there is such a member.
    member_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_household_invitations PRIMARY KEY (household_id, member_id)
);
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_TABLES)
