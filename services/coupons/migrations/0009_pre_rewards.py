"""Rewards, their orders, and who has how many of them (R1).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE rewards (
    reward_id uuid NOT NULL CONSTRAINT pk_rewards PRIMARY KEY,
    name text NOT NULL,
    description text NOT NULL,
    kind text NOT NULL,
    points bigint NOT NULL,
    -- What is left to order; NULL is not counted.
    stock bigint,
    per_member bigint,
    starts_at timestamptz,
    ends_at timestamptz,
    tiers jsonb,
    campaign_id uuid CONSTRAINT fk_rewards_campaign_id REFERENCES campaigns (campaign_id),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_rewards_kind_known CHECK (kind IN ('item', 'coupon', 'event', 'service')),
    CONSTRAINT ck_rewards_points_positive CHECK (points > 0),
    CONSTRAINT ck_rewards_stock_not_negative CHECK (stock >= 0),
    CONSTRAINT ck_rewards_per_member_positive CHECK (per_member > 0),
    CONSTRAINT ck_rewards_window_ordered CHECK (starts_at < ends_at),
    CONSTRAINT ck_rewards_coupon_has_campaign CHECK ((kind = 'coupon') = (campaign_id IS NOT NULL))
) WITH (fillfactor = 70);
CREATE TABLE reward_holders (
    member_id uuid NOT NULL,
    reward_id uuid NOT NULL
        CONSTRAINT fk_reward_holders_reward_id REFERENCES rewards (reward_id),
    -- Pieces in orders that were not undone.
    taken bigint NOT NULL,
    CONSTRAINT pk_reward_holders PRIMARY KEY (member_id, reward_id),
    CONSTRAINT ck_reward_holders_taken_not_negative CHECK (taken >= 0)
);
CREATE TABLE reward_orders (
    order_id uuid NOT NULL CONSTRAINT pk_reward_orders PRIMARY KEY,
    reward_id uuid NOT NULL
        CONSTRAINT fk_reward_orders_reward_id REFERENCES rewards (reward_id),
    member_id uuid NOT NULL,
    -- Whose it was before a merge.
    origin_member_id uuid,
    status text NOT NULL,
    quantity bigint NOT NULL,
    points bigint NOT NULL,
    -- The reward as it was when it was ordered.
    reward_name text NOT NULL,
    kind text NOT NULL,
    campaign_id uuid CONSTRAINT fk_reward_orders_campaign_id REFERENCES campaigns (campaign_id),
    coupon_ids uuid[] NOT NULL,
    request_key text NOT NULL,
    fingerprint text NOT NULL,
    hold_id uuid,
    reason_code text,
    reserved_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ordered_at timestamptz,
    fulfilled_at timestamptz,
    cancelled_at timestamptz,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_reward_orders_status_known CHECK (status IN
        ('reserved', 'confirmed', 'ordered', 'fulfilled', 'cancelled', 'released')),
    CONSTRAINT ck_reward_orders_quantity_positive CHECK (quantity > 0),
    CONSTRAINT ck_reward_orders_points_positive CHECK (points > 0),
    CONSTRAINT ck_reward_orders_hold_known CHECK (status <> 'confirmed' OR hold_id IS NOT NULL),
    CONSTRAINT ck_reward_orders_ordered_at
        CHECK (status NOT IN ('ordered', 'fulfilled') OR ordered_at IS NOT NULL),
    CONSTRAINT ck_reward_orders_fulfilled_at
        CHECK ((status = 'fulfilled') = (fulfilled_at IS NOT NULL)),
    CONSTRAINT ck_reward_orders_cancelled_at
        CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL))
);
-- The same request is the same order, unless that was undone.
CREATE UNIQUE INDEX uq_reward_orders_request_key ON reward_orders (request_key)
    WHERE status <> 'released';
CREATE INDEX ix_reward_orders_lapsing ON reward_orders (expires_at) WHERE status = 'reserved';
CREATE INDEX ix_reward_orders_member_id ON reward_orders (member_id, order_id);
CREATE INDEX ix_reward_orders_reward_id ON reward_orders (reward_id, order_id);
CREATE INDEX ix_reward_orders_status ON reward_orders (status, order_id);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loyalty_coupons') THEN
        REVOKE DELETE, TRUNCATE ON rewards, reward_orders FROM loyalty_coupons;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Create the tables."""
    op.execute(_STATEMENTS)


def downgrade() -> None:
    """Refuse: members have paid for what they ordered."""
    raise NotImplementedError("restore a backup instead")
