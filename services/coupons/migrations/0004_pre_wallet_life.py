"""Void, gifts to members, triggers, notices and alarms.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = """
ALTER TABLE campaigns
    ADD COLUMN giftable boolean NOT NULL DEFAULT false,
    ADD COLUMN trigger_on text,
    ADD COLUMN trigger_tiers jsonb,
    ADD CONSTRAINT ck_campaigns_trigger_known
        CHECK (trigger_on IN ('enrolled', 'tier_upgraded', 'birthday'));
CREATE INDEX ix_campaigns_trigger ON campaigns (trigger_on, campaign_id)
    WHERE trigger_on IS NOT NULL AND status = 'published';
ALTER TABLE coupons
    ADD COLUMN gift_of uuid
        CONSTRAINT fk_coupons_gift_of REFERENCES coupons (coupon_id),
    ADD COLUMN gift_message_sealed bytea,
    -- How many of the notices before its end are done: the first, then the last.
    ADD COLUMN notices smallint NOT NULL DEFAULT 0,
    ADD CONSTRAINT uq_coupons_gift_of UNIQUE (gift_of);
CREATE INDEX ix_coupons_first_notice ON coupons (valid_until)
    WHERE status IN ('issued', 'restored') AND notices = 0 AND member_id IS NOT NULL;
CREATE INDEX ix_coupons_last_notice ON coupons (valid_until)
    WHERE status IN ('issued', 'restored') AND notices < 2 AND member_id IS NOT NULL;
ALTER TABLE history ADD COLUMN reason text;
ALTER TABLE members
    ADD COLUMN tier_rank smallint,
    ADD COLUMN birth_month smallint;
CREATE INDEX ix_members_birth_month ON members (birth_month, member_id)
    WHERE status = 'active' AND birth_month IS NOT NULL;
CREATE TABLE grants (
    campaign_id uuid NOT NULL
        CONSTRAINT fk_grants_campaign_id REFERENCES campaigns (campaign_id),
    member_id uuid NOT NULL,
    occasion text NOT NULL,
    coupon_id uuid CONSTRAINT fk_grants_coupon_id REFERENCES coupons (coupon_id),
    refusal text,
    granted_at timestamptz NOT NULL,
    CONSTRAINT pk_grants PRIMARY KEY (campaign_id, member_id, occasion)
);
CREATE TABLE birthday_runs (
    campaign_id uuid NOT NULL
        CONSTRAINT fk_birthday_runs_campaign_id REFERENCES campaigns (campaign_id),
    month date NOT NULL,
    last_member_id uuid NOT NULL,
    CONSTRAINT pk_birthday_runs PRIMARY KEY (campaign_id, month)
);
CREATE TABLE campaign_alarms (
    campaign_id uuid NOT NULL
        CONSTRAINT fk_campaign_alarms_campaign_id REFERENCES campaigns (campaign_id),
    scope text NOT NULL,
    percent smallint NOT NULL,
    most bigint NOT NULL,
    raised_at timestamptz NOT NULL,
    CONSTRAINT pk_campaign_alarms PRIMARY KEY (campaign_id, scope, percent, most)
);
"""


def upgrade() -> None:
    """Add columns with defaults and the tables that make each thing happen once."""
    op.execute(_STATEMENTS)


def downgrade() -> None:
    """Drop what was added; who was given what by whom is lost with it."""
    op.execute(
        """
        DROP TABLE campaign_alarms, birthday_runs, grants;
        ALTER TABLE members DROP COLUMN tier_rank, DROP COLUMN birth_month;
        ALTER TABLE history DROP COLUMN reason;
        ALTER TABLE coupons
            DROP COLUMN gift_of, DROP COLUMN gift_message_sealed, DROP COLUMN notices;
        ALTER TABLE campaigns
            DROP COLUMN giftable, DROP COLUMN trigger_on, DROP COLUMN trigger_tiers;
        """
    )
