"""Campaigns, coupons, orders, redemptions, usage, history, members.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

from shared.db import platform_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_CAMPAIGNS = """
CREATE TABLE campaigns (
    campaign_id uuid NOT NULL CONSTRAINT pk_campaigns PRIMARY KEY,
    status text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    value bigint,
    max_discount_minor bigint,
    min_spend_minor bigint,
    scope jsonb NOT NULL,
    excluded jsonb NOT NULL,
    starts_at timestamptz,
    ends_at timestamptz,
    days_after_issue integer,
    never_expires boolean NOT NULL,
    limit_total bigint,
    limit_per_member bigint,
    limit_per_member_per_day bigint,
    limit_per_store bigint,
    budget_minor bigint,
    stacking_category text NOT NULL,
    stacking_exclusive boolean NOT NULL,
    stacking_joint_with jsonb NOT NULL,
    code_type text NOT NULL,
    code_value text,
    code_normal text,
    code_key bytea NOT NULL,
    restore_on_partial_return boolean NOT NULL,
    terms text NOT NULL,
    priority integer NOT NULL,
    created_at timestamptz NOT NULL,
    published_at timestamptz,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_campaigns_status_known
        CHECK (status IN ('draft', 'published', 'paused', 'archived')),
    CONSTRAINT ck_campaigns_kind_known
        CHECK (kind IN ('amount_off', 'percent_off', 'fixed_price', 'gift', 'free_shipping')),
    CONSTRAINT ck_campaigns_code_type_known CHECK (code_type IN ('unique', 'public')),
    CONSTRAINT ck_campaigns_expiry_explicit CHECK (
        status IN ('draft', 'archived') OR never_expires
        OR ends_at IS NOT NULL OR days_after_issue IS NOT NULL
    )
);
CREATE UNIQUE INDEX uq_campaigns_public_code ON campaigns (code_normal)
    WHERE code_type = 'public' AND status IN ('published', 'paused');
CREATE INDEX ix_campaigns_status_campaign_id ON campaigns (status, campaign_id);
"""

_COUPONS = """
CREATE TABLE coupons (
    coupon_id uuid NOT NULL CONSTRAINT pk_coupons PRIMARY KEY,
    campaign_id uuid NOT NULL
        CONSTRAINT fk_coupons_campaign_id REFERENCES campaigns (campaign_id),
    member_id uuid,
    status text NOT NULL,
    free_status text NOT NULL,
    order_id text,
    code_digest bytea NOT NULL CONSTRAINT uq_coupons_code_digest UNIQUE,
    code_sealed bytea NOT NULL,
    code_hint text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    issued_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_coupons_status_known CHECK (status IN
        ('issued', 'reserved', 'redeemed', 'restored', 'void', 'expired', 'gifted')),
    CONSTRAINT ck_coupons_free_status_known CHECK (free_status IN ('issued', 'restored')),
    CONSTRAINT ck_coupons_order_while_used
        CHECK ((status IN ('reserved', 'redeemed')) = (order_id IS NOT NULL))
);
CREATE INDEX ix_coupons_wallet
    ON coupons (member_id, (COALESCE(valid_until, TIMESTAMPTZ 'infinity')), coupon_id);
CREATE INDEX ix_coupons_campaign_id ON coupons (campaign_id);
CREATE INDEX ix_coupons_lapsing ON coupons (valid_until) WHERE status IN ('issued', 'restored');
"""

_ORDERS = """
CREATE TABLE orders (
    order_id text NOT NULL CONSTRAINT pk_orders PRIMARY KEY,
    status text NOT NULL,
    fingerprint bytea,
    result_sealed bytea,
    opened_at timestamptz,
    expires_at timestamptz,
    closed_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_orders_status_known CHECK (status IN
        ('reserved', 'confirmed', 'redeemed', 'released', 'expired', 'restored'))
);
CREATE INDEX ix_orders_lapsing ON orders (expires_at) WHERE status = 'reserved';
CREATE TABLE redemptions (
    redemption_id uuid NOT NULL CONSTRAINT pk_redemptions PRIMARY KEY,
    order_id text NOT NULL
        CONSTRAINT fk_redemptions_order_id REFERENCES orders (order_id),
    campaign_id uuid NOT NULL
        CONSTRAINT fk_redemptions_campaign_id REFERENCES campaigns (campaign_id),
    coupon_id uuid CONSTRAINT fk_redemptions_coupon_id REFERENCES coupons (coupon_id),
    status text NOT NULL,
    member_id uuid,
    store_id text,
    used_on date NOT NULL,
    discount_minor bigint NOT NULL,
    line_discounts jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_redemptions_status_known
        CHECK (status IN ('reserved', 'redeemed', 'released', 'restored')),
    CONSTRAINT ck_redemptions_discount_positive CHECK (discount_minor > 0)
);
CREATE UNIQUE INDEX uq_redemptions_living_coupon ON redemptions (coupon_id)
    WHERE status IN ('reserved', 'redeemed');
CREATE UNIQUE INDEX uq_redemptions_living_campaign ON redemptions (order_id, campaign_id)
    WHERE status IN ('reserved', 'redeemed');
CREATE INDEX ix_redemptions_order_id ON redemptions (order_id);
CREATE TABLE usage (
    campaign_id uuid NOT NULL,
    scope text NOT NULL,
    holder text NOT NULL,
    used bigint NOT NULL,
    CONSTRAINT pk_usage PRIMARY KEY (campaign_id, scope, holder),
    CONSTRAINT ck_usage_not_negative CHECK (used >= 0),
    CONSTRAINT ck_usage_scope_known CHECK (scope IN
        ('member', 'member_day', 'store', 'held', 'issued', 'uses', 'budget'))
) WITH (fillfactor = 70);
"""

_HISTORY = """
CREATE TABLE history (
    id bigint GENERATED BY DEFAULT AS IDENTITY CONSTRAINT pk_history PRIMARY KEY,
    campaign_id uuid NOT NULL,
    coupon_id uuid,
    member_id uuid,
    from_status text,
    to_status text NOT NULL,
    cause text NOT NULL,
    order_id text,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    request_id text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX ix_history_coupon_id ON history (coupon_id, id);
CREATE INDEX ix_history_order_id ON history (order_id, id);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON history
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON history FROM loyalty_coupons;
CREATE TABLE members (
    member_id uuid NOT NULL CONSTRAINT pk_members PRIMARY KEY,
    status text NOT NULL,
    tier text,
    status_sequence bigint NOT NULL,
    tier_sequence bigint NOT NULL,
    CONSTRAINT ck_members_status_known
        CHECK (status IN ('unknown', 'active', 'frozen', 'closed', 'merged', 'erased'))
);
"""


def upgrade() -> None:
    """Create everything."""
    platform_ddl.create_v1()
    for statements in (_CAMPAIGNS, _COUPONS, _ORDERS, _HISTORY):
        op.execute(statements)


def downgrade() -> None:
    """There is nothing before the beginning."""
    raise NotImplementedError("the first migration is not undone: drop the database instead")
