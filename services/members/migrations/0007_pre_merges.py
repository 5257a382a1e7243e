"""Merges of members, their steps, and how far each service has come with them (M3).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_DDL = """
ALTER TABLE members ADD COLUMN merged_into uuid
    CONSTRAINT fk_members_merged_into REFERENCES members (member_id);
ALTER TABLE members ADD CONSTRAINT ck_members_merged_into_somebody
    CHECK (status <> 'merged' OR merged_into IS NOT NULL) NOT VALID;
ALTER TABLE members VALIDATE CONSTRAINT ck_members_merged_into_somebody;
CREATE INDEX ix_members_merged_into ON members (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE merges (
    merge_id uuid NOT NULL CONSTRAINT pk_merges PRIMARY KEY,
    source_member_id uuid NOT NULL
        CONSTRAINT fk_merges_source_member_id REFERENCES members (member_id),
    survivor_member_id uuid NOT NULL
        CONSTRAINT fk_merges_survivor_member_id REFERENCES members (member_id),
    reason bytea NOT NULL,
    moved jsonb NOT NULL,
    merged_at timestamptz NOT NULL,
    merged_by text NOT NULL,
    undo_until timestamptz NOT NULL,
    unmerged_at timestamptz,
    unmerged_by text,
    CONSTRAINT ck_merges_two_members CHECK (source_member_id <> survivor_member_id),
    CONSTRAINT ck_merges_unmerge_complete CHECK ((unmerged_at IS NULL) = (unmerged_by IS NULL))
);
CREATE UNIQUE INDEX uq_merges_one_survivor ON merges (source_member_id)
    WHERE unmerged_at IS NULL;
CREATE INDEX ix_merges_source_member_id ON merges (source_member_id, merge_id);
CREATE INDEX ix_merges_survivor_member_id ON merges (survivor_member_id, merge_id);

CREATE TABLE merge_steps (
    step_id uuid NOT NULL CONSTRAINT pk_merge_steps PRIMARY KEY,
    merge_id uuid NOT NULL CONSTRAINT fk_merge_steps_merge_id REFERENCES merges (merge_id),
    act text NOT NULL,
    after uuid[] NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT uq_merge_steps_merge_id_act UNIQUE (merge_id, act),
    CONSTRAINT ck_merge_steps_act_known CHECK (act IN ('merge', 'unmerge'))
);

CREATE TABLE merge_progress (
    step_id uuid NOT NULL CONSTRAINT fk_merge_progress_step_id REFERENCES merge_steps (step_id),
    service text NOT NULL,
    done_at timestamptz,
    CONSTRAINT pk_merge_progress PRIMARY KEY (step_id, service)
);
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_DDL)
