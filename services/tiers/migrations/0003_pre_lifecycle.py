"""What has been earned apart from what is shown, reviews, other metrics and windows (T2, T3, T5).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_PROGRAMMES = """
ALTER TABLE tier_programmes
    ALTER COLUMN window_months DROP NOT NULL,
    ADD COLUMN digest text NOT NULL DEFAULT '',
    DROP CONSTRAINT ck_tier_programmes_metric_known,
    DROP CONSTRAINT ck_tier_programmes_window_type_known,
    ADD CONSTRAINT ck_tier_programmes_metric_known
        CHECK (metric IN ('qualifying_points', 'spend', 'orders')),
    ADD CONSTRAINT ck_tier_programmes_window_type_known
        CHECK (window_type IN ('rolling', 'calendar_year', 'anniversary', 'lifetime')),
    ADD CONSTRAINT ck_tier_programmes_only_rolling_has_months
        CHECK ((window_type = 'rolling') = (window_months IS NOT NULL)),
    ADD CONSTRAINT uq_tier_programmes_effective_from UNIQUE (effective_from);

CREATE TABLE tier_benefits (
    version integer NOT NULL,
    rank smallint NOT NULL,
    code text NOT NULL,
    place smallint NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    value bigint,
    campaign_id uuid,
    quota_count integer,
    quota_per text,
    CONSTRAINT pk_tier_benefits PRIMARY KEY (version, rank, code),
    CONSTRAINT fk_tier_benefits_version_rank
        FOREIGN KEY (version, rank) REFERENCES tier_levels (version, rank),
    CONSTRAINT ck_tier_benefits_kind_known
        CHECK (kind IN ('member_price', 'free_shipping', 'birthday_gift', 'upgrade_coupon',
                        'dedicated_service', 'event_invitation')),
    CONSTRAINT ck_tier_benefits_quota_whole
        CHECK ((quota_count IS NULL) = (quota_per IS NULL) AND quota_count > 0),
    CONSTRAINT ck_tier_benefits_quota_per_known
        CHECK (quota_per IN ('month', 'year', 'tier_period'))
);
REVOKE UPDATE, DELETE ON tier_benefits FROM loyalty_tiers;

CREATE SEQUENCE tier_programme_versions AS integer START WITH 2;
GRANT USAGE ON SEQUENCE tier_programme_versions TO loyalty_tiers;
CREATE TABLE tier_drafts (
    version integer NOT NULL CONSTRAINT pk_tier_drafts PRIMARY KEY,
    content jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
"""

_STATES = """
ALTER TABLE tier_states
    ADD COLUMN earned_rank smallint,
    ADD COLUMN earned_since timestamptz,
    ADD COLUMN told_from timestamptz,
    ADD COLUMN in_grace boolean NOT NULL DEFAULT false,
    ADD COLUMN judged_at timestamptz,
    ADD COLUMN began_at timestamptz,
    ADD COLUMN enrolled boolean NOT NULL DEFAULT false,
    ADD COLUMN status text NOT NULL DEFAULT 'active',
    ADD COLUMN status_sequence bigint NOT NULL DEFAULT 0,
    ADD COLUMN notified smallint NOT NULL DEFAULT 0,
    ADD COLUMN floor_tier text,
    ADD COLUMN floor_rank smallint,
    ADD COLUMN floor_source text,
    ADD COLUMN floor_changes_at timestamptz,
    ADD COLUMN birth_month smallint,
    ADD COLUMN due_at timestamptz NOT NULL DEFAULT '1970-01-01T00:00:00Z',
    ADD CONSTRAINT ck_tier_states_floor_whole
        CHECK ((floor_tier IS NULL) = (floor_rank IS NULL)
           AND (floor_tier IS NULL) = (floor_source IS NULL));

-- What is known so far was earned. Everybody is due, so that the sweep finds the next true date.
UPDATE tier_states AS s
   SET earned_rank = s.rank, earned_since = s.since, judged_at = s.since,
       began_at = coalesce(h.began_at, s.since), enrolled = true
  FROM (SELECT member_id, min(effective_from) AS began_at FROM tier_history GROUP BY member_id) AS h
 WHERE h.member_id = s.member_id;
UPDATE tier_states
   SET earned_rank = rank, earned_since = since, judged_at = since, began_at = since
 WHERE earned_rank IS NULL;

CREATE INDEX ix_tier_states_due_at ON tier_states (due_at) WHERE status = 'active';
CREATE INDEX ix_tier_states_programme_version_member_id
    ON tier_states (programme_version, member_id) WHERE status = 'active';

ALTER TABLE tier_history
    ADD COLUMN keep bigint,
    ADD COLUMN actor_kind text NOT NULL DEFAULT 'system',
    ADD COLUMN actor_id text NOT NULL DEFAULT 'system',
    ADD COLUMN note text,
    ADD COLUMN reference text;
"""

_OVERRIDES = """
CREATE TABLE tier_overrides (
    override_id uuid NOT NULL CONSTRAINT pk_tier_overrides PRIMARY KEY,
    member_id uuid NOT NULL,
    tier text NOT NULL,
    status text NOT NULL,
    reason text NOT NULL,
    expires_at timestamptz NOT NULL,
    earned_tier text NOT NULL,
    levels_up smallint NOT NULL,
    requested_by_kind text NOT NULL,
    requested_by_id text NOT NULL,
    requested_at timestamptz NOT NULL,
    decided_by_kind text,
    decided_by_id text,
    decided_at timestamptz,
    decision_note text,
    starts_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT ck_tier_overrides_status_known
        CHECK (status IN ('pending_approval', 'approved', 'rejected', 'revoked')),
    CONSTRAINT ck_tier_overrides_started_once_approved
        CHECK ((status IN ('approved', 'revoked')) = (starts_at IS NOT NULL)),
    CONSTRAINT ck_tier_overrides_ends_later CHECK (expires_at > requested_at),
    CONSTRAINT ck_tier_overrides_nobody_approves_own
        CHECK (levels_up <= 1 OR starts_at IS NULL
               OR (decided_by_kind, decided_by_id) <> (requested_by_kind, requested_by_id))
);
CREATE INDEX ix_tier_overrides_member_id_override_id ON tier_overrides (member_id, override_id);
-- A second request has to wait for the decision about the first (T4).
CREATE UNIQUE INDEX uq_tier_overrides_open ON tier_overrides (member_id)
    WHERE status = 'pending_approval';
REVOKE DELETE ON tier_overrides FROM loyalty_tiers;
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_PROGRAMMES)
    op.execute(_STATES)
    op.execute(_OVERRIDES)
