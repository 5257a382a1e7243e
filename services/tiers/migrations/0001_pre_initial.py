"""Programme, contributions, tiers and their history; the default programme as version 1 (T1).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

from shared.db import platform_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE tier_programmes (
    version integer NOT NULL CONSTRAINT pk_tier_programmes PRIMARY KEY,
    name text NOT NULL,
    metric text NOT NULL,
    window_type text NOT NULL,
    window_months smallint NOT NULL,
    review_months smallint NOT NULL,
    grace_days smallint NOT NULL,
    effective_from timestamptz NOT NULL,
    published_at timestamptz NOT NULL,
    CONSTRAINT ck_tier_programmes_metric_known CHECK (metric = 'qualifying_points'),
    CONSTRAINT ck_tier_programmes_window_type_known CHECK (window_type = 'rolling'),
    CONSTRAINT ck_tier_programmes_window_months_range CHECK (window_months BETWEEN 1 AND 120),
    CONSTRAINT ck_tier_programmes_review_months_range CHECK (review_months BETWEEN 1 AND 120),
    CONSTRAINT ck_tier_programmes_grace_days_range CHECK (grace_days BETWEEN 0 AND 365)
);

CREATE TABLE tier_levels (
    version integer NOT NULL
        CONSTRAINT fk_tier_levels_version REFERENCES tier_programmes (version),
    rank smallint NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    threshold bigint NOT NULL,
    multiplier numeric(6, 3) NOT NULL,
    CONSTRAINT pk_tier_levels PRIMARY KEY (version, rank),
    CONSTRAINT uq_tier_levels_version_code UNIQUE (version, code),
    CONSTRAINT uq_tier_levels_version_threshold UNIQUE (version, threshold),
    CONSTRAINT ck_tier_levels_entry_costs_nothing
        CHECK (rank >= 0 AND (rank = 0) = (threshold = 0)),
    CONSTRAINT ck_tier_levels_multiplier_positive CHECK (multiplier > 0)
);

CREATE TABLE contributions (
    sale_id text NOT NULL CONSTRAINT pk_contributions PRIMARY KEY,
    member_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    payable_minor bigint NOT NULL,
    refunded_minor bigint NOT NULL,
    points bigint NOT NULL
        GENERATED ALWAYS AS (greatest(payable_minor - refunded_minor, 0) / 100) STORED,
    CONSTRAINT ck_contributions_never_negative CHECK (payable_minor >= 0 AND refunded_minor >= 0)
);
CREATE INDEX ix_contributions_window ON contributions (member_id, occurred_at);

CREATE TABLE refunds (
    sale_id text NOT NULL CONSTRAINT fk_refunds_sale_id REFERENCES contributions (sale_id),
    return_id text NOT NULL,
    occurred_at timestamptz NOT NULL,
    refunded_total_minor bigint NOT NULL,
    CONSTRAINT pk_refunds PRIMARY KEY (sale_id, return_id),
    CONSTRAINT ck_refunds_never_negative CHECK (refunded_total_minor >= 0)
);

CREATE TABLE tier_states (
    member_id uuid NOT NULL CONSTRAINT pk_tier_states PRIMARY KEY,
    tier text NOT NULL,
    rank smallint NOT NULL,
    source text NOT NULL,
    since timestamptz NOT NULL,
    review_on date NOT NULL,
    programme_version integer NOT NULL,
    CONSTRAINT ck_tier_states_source_known
        CHECK (source IN ('earned', 'override', 'purchased')),
    CONSTRAINT fk_tier_states_programme_version_tier
        FOREIGN KEY (programme_version, tier) REFERENCES tier_levels (version, code)
);

CREATE TABLE tier_history (
    change_id uuid NOT NULL CONSTRAINT pk_tier_history PRIMARY KEY,
    member_id uuid NOT NULL,
    from_tier text,
    tier text NOT NULL,
    source text NOT NULL,
    reason text NOT NULL,
    sale_id text,
    have bigint NOT NULL,
    programme_version integer NOT NULL,
    effective_from timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT ck_tier_history_source_known
        CHECK (source IN ('earned', 'override', 'purchased'))
);
CREATE INDEX ix_tier_history_member_id ON tier_history (member_id, change_id);

-- What has happened, and what was promised, stays as it was (T5).
REVOKE UPDATE, DELETE ON tier_history, refunds, tier_programmes, tier_levels FROM loyalty_tiers;
"""

_DEFAULT_PROGRAMME = """
INSERT INTO tier_programmes (version, name, metric, window_type, window_months, review_months,
                             grace_days, effective_from, published_at)
VALUES (1, 'Default programme', 'qualifying_points', 'rolling', 12, 12, 30,
        '1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z');
INSERT INTO tier_levels (version, rank, code, name, threshold, multiplier) VALUES
    (1, 0, 'BRONZE', 'Bronze', 0, 1),
    (1, 1, 'SILVER', 'Silver', 1000, 1.1),
    (1, 2, 'GOLD', 'Gold', 5000, 1.25),
    (1, 3, 'PLATINUM', 'Platinum', 20000, 1.5);
"""


def upgrade() -> None:
    """Apply."""
    platform_ddl.create_v1()
    op.execute(_TABLES)
    op.execute(_DEFAULT_PROGRAMME)
