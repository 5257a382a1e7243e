"""Versions of published campaigns, gifts, and patterns of codes.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = """
ALTER TABLE campaigns
    ADD COLUMN version integer NOT NULL DEFAULT 1,
    ADD COLUMN gift_sku text,
    ADD COLUMN code_pattern text,
    ADD CONSTRAINT ck_campaigns_version_positive CHECK (version > 0),
    ADD CONSTRAINT ck_campaigns_gift_has_article
        CHECK (status = 'draft' OR (kind = 'gift') = (gift_sku IS NOT NULL));
ALTER TABLE coupons ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE redemptions ADD COLUMN version integer NOT NULL DEFAULT 1;
-- A gift takes nothing off.
ALTER TABLE redemptions DROP CONSTRAINT ck_redemptions_discount_positive;
ALTER TABLE redemptions
    ADD CONSTRAINT ck_redemptions_discount_not_negative CHECK (discount_minor >= 0);
CREATE TABLE campaign_versions (
    campaign_id uuid NOT NULL
        CONSTRAINT fk_campaign_versions_campaign_id REFERENCES campaigns (campaign_id),
    version integer NOT NULL,
    body jsonb NOT NULL,
    published_at timestamptz NOT NULL,
    superseded_at timestamptz NOT NULL,
    CONSTRAINT pk_campaign_versions PRIMARY KEY (campaign_id, version)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON campaign_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON campaign_versions FROM loyalty_coupons;
"""


def upgrade() -> None:
    """Add columns with defaults, and the table of superseded versions."""
    op.execute(_STATEMENTS)


def downgrade() -> None:
    """Drop what was added; refused by the database where a gift was redeemed."""
    op.execute(
        """
        DROP TABLE campaign_versions;
        ALTER TABLE redemptions DROP CONSTRAINT ck_redemptions_discount_not_negative;
        ALTER TABLE redemptions
            ADD CONSTRAINT ck_redemptions_discount_positive CHECK (discount_minor > 0);
        ALTER TABLE redemptions DROP COLUMN version;
        ALTER TABLE coupons DROP COLUMN version;
        ALTER TABLE campaigns
            DROP COLUMN version, DROP COLUMN gift_sku, DROP COLUMN code_pattern;
        """
    )
