"""Earning rules with their versions, what they gave under caps, and awards per sale (E2, S2).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_RULES = """
CREATE TABLE earning_rules (
    rule_id uuid NOT NULL CONSTRAINT pk_earning_rules PRIMARY KEY,
    kind text NOT NULL,
    status text NOT NULL,
    terms jsonb NOT NULL,
    version bigint NOT NULL,
    has_changes boolean NOT NULL,
    effective_from timestamptz,
    retired_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT ck_earning_rules_status_known
        CHECK (status IN ('draft', 'published', 'retired')),
    CONSTRAINT ck_earning_rules_draft_has_no_version
        CHECK ((status <> 'draft') OR (version = 0)),
    CONSTRAINT ck_earning_rules_retired_has_time
        CHECK ((status = 'retired') = (retired_at IS NOT NULL))
);
CREATE TABLE earning_rule_versions (
    rule_id uuid NOT NULL CONSTRAINT fk_earning_rule_versions_rule_id
        REFERENCES earning_rules (rule_id),
    version bigint NOT NULL,
    terms jsonb NOT NULL,
    effective_from timestamptz NOT NULL,
    published_at timestamptz NOT NULL,
    published_by text NOT NULL,
    CONSTRAINT pk_earning_rule_versions PRIMARY KEY (rule_id, version),
    CONSTRAINT ck_earning_rule_versions_counted_from_1 CHECK (version > 0)
);
CREATE TABLE rule_book (
    singleton boolean NOT NULL CONSTRAINT pk_rule_book PRIMARY KEY
        CONSTRAINT ck_rule_book_singleton CHECK (singleton),
    token uuid NOT NULL
);
"""

_AWARDS = """
CREATE TABLE rule_usage (
    holder text NOT NULL,
    rule_id text NOT NULL,
    period text NOT NULL,
    used bigint NOT NULL,
    CONSTRAINT pk_rule_usage PRIMARY KEY (holder, rule_id, period),
    CONSTRAINT ck_rule_usage_never_negative CHECK (used >= 0)
) WITH (fillfactor = 80);
CREATE TABLE sale_awards (
    sale_id text NOT NULL CONSTRAINT fk_sale_awards_sale_id REFERENCES sales (sale_id),
    place smallint NOT NULL,
    rule text NOT NULL,
    kind text NOT NULL,
    points bigint NOT NULL,
    lot_id uuid NOT NULL,
    line_ids jsonb NOT NULL,
    threshold_minor bigint,
    clawed_back bigint NOT NULL,
    CONSTRAINT pk_sale_awards PRIMARY KEY (sale_id, place),
    CONSTRAINT ck_sale_awards_points_positive CHECK (points > 0),
    CONSTRAINT ck_sale_awards_claw_within_points
        CHECK (0 <= clawed_back AND clawed_back <= points)
);
CREATE TABLE sale_usage (
    sale_id text NOT NULL CONSTRAINT fk_sale_usage_sale_id REFERENCES sales (sale_id),
    holder text NOT NULL,
    rule_id text NOT NULL,
    period text NOT NULL,
    points bigint NOT NULL,
    is_returned boolean NOT NULL,
    CONSTRAINT pk_sale_usage PRIMARY KEY (sale_id, holder, rule_id, period),
    CONSTRAINT ck_sale_usage_points_positive CHECK (points > 0)
);
"""

_GUARDS = """
CREATE FUNCTION refuse_rule_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'published rules are never changed: % of % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON earning_rule_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rule_change();
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loyalty_points') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON earning_rule_versions FROM loyalty_points;
        REVOKE DELETE, TRUNCATE ON earning_rules, rule_book, sale_awards, sale_usage
            FROM loyalty_points;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Create the tables and close published versions against change."""
    for statements in (_RULES, _AWARDS, _GUARDS):
        op.execute(statements)
