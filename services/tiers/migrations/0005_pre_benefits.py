"""Uses of benefits, what was given, plans and what was bought of them (T6, T7).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BENEFITS = """
CREATE TABLE benefit_uses (
    use_id text NOT NULL CONSTRAINT pk_benefit_uses PRIMARY KEY,
    member_id uuid NOT NULL,
    code text NOT NULL,
    kind text NOT NULL,
    reference text NOT NULL,
    tier text NOT NULL,
    used_at timestamptz NOT NULL,
    used_by_kind text NOT NULL,
    used_by_id text NOT NULL,
    reversed_at timestamptz,
    reversed_cause text,
    CONSTRAINT ck_benefit_uses_reversed_with_cause
        CHECK ((reversed_at IS NULL) = (reversed_cause IS NULL))
);
CREATE INDEX ix_benefit_uses_member_id_code_used_at ON benefit_uses (member_id, code, used_at)
    WHERE reversed_at IS NULL;
CREATE INDEX ix_benefit_uses_reference ON benefit_uses (reference) WHERE reversed_at IS NULL;
REVOKE DELETE ON benefit_uses FROM loyalty_tiers;

CREATE TABLE benefit_grants (
    member_id uuid NOT NULL,
    kind text NOT NULL,
    occasion text NOT NULL,
    grant_id uuid NOT NULL CONSTRAINT uq_benefit_grants_grant_id UNIQUE,
    code text NOT NULL,
    tier text NOT NULL,
    granted_at timestamptz NOT NULL,
    CONSTRAINT pk_benefit_grants PRIMARY KEY (member_id, kind, occasion)
);
REVOKE UPDATE, DELETE ON benefit_grants FROM loyalty_tiers;

CREATE INDEX ix_tier_states_birth_month_member_id ON tier_states (birth_month, member_id)
    WHERE status = 'active';
"""

_PLANS = """
CREATE TABLE plans (
    plan text NOT NULL CONSTRAINT pk_plans PRIMARY KEY,
    name text NOT NULL,
    tier text NOT NULL,
    months smallint NOT NULL,
    price_minor bigint NOT NULL,
    cooling_off_days smallint NOT NULL,
    on_sale boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_plans_months_range CHECK (months BETWEEN 1 AND 120),
    CONSTRAINT ck_plans_price_not_negative CHECK (price_minor >= 0),
    CONSTRAINT ck_plans_cooling_off_days_range CHECK (cooling_off_days BETWEEN 0 AND 365)
);
CREATE TABLE subscriptions (
    subscription_id uuid NOT NULL CONSTRAINT pk_subscriptions PRIMARY KEY,
    member_id uuid NOT NULL,
    order_id text NOT NULL CONSTRAINT uq_subscriptions_order_id UNIQUE,
    plan text NOT NULL CONSTRAINT fk_subscriptions_plan REFERENCES plans (plan),
    tier text NOT NULL,
    months smallint NOT NULL,
    paid_minor bigint NOT NULL,
    status text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    refundable_until timestamptz NOT NULL,
    bought_at timestamptz NOT NULL,
    cancelled_at timestamptz,
    refund_minor bigint NOT NULL,
    notified_at timestamptz,
    CONSTRAINT ck_subscriptions_status_known
        CHECK (status IN ('active', 'cancelled', 'refunded')),
    CONSTRAINT ck_subscriptions_ends_later CHECK (ends_at >= starts_at),
    CONSTRAINT ck_subscriptions_refund_within_paid CHECK (refund_minor BETWEEN 0 AND paid_minor),
    CONSTRAINT ck_subscriptions_cancelled_at_a_time
        CHECK ((status = 'active') = (cancelled_at IS NULL))
);
CREATE INDEX ix_subscriptions_member_id_ends_at ON subscriptions (member_id, ends_at);
CREATE INDEX ix_subscriptions_renewal ON subscriptions (ends_at)
    WHERE status = 'active' AND notified_at IS NULL;
REVOKE DELETE ON subscriptions FROM loyalty_tiers;
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_BENEFITS)
    op.execute(_PLANS)
