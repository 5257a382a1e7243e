"""Indexes without the codes that nobody holds.

Phase pre: runs before the code that needs it. Codes come by the million, and each index they are in
costs every one of them: those of members and gifts leave them out, and that of campaigns alone, by
which nobody looks, goes. While the two are built nobody writes coupons.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_NARROW = """
DROP INDEX ix_coupons_campaign_id;
ALTER TABLE coupons DROP CONSTRAINT uq_coupons_gift_of;
CREATE UNIQUE INDEX uq_coupons_gift_of ON coupons (gift_of) WHERE gift_of IS NOT NULL;
DROP INDEX ix_coupons_wallet;
CREATE INDEX ix_coupons_wallet
    ON coupons (member_id, (COALESCE(valid_until, TIMESTAMPTZ 'infinity')), coupon_id)
    WHERE member_id IS NOT NULL;
"""
_WIDE = """
CREATE INDEX ix_coupons_campaign_id ON coupons (campaign_id);
DROP INDEX uq_coupons_gift_of;
ALTER TABLE coupons ADD CONSTRAINT uq_coupons_gift_of UNIQUE (gift_of);
DROP INDEX ix_coupons_wallet;
CREATE INDEX ix_coupons_wallet
    ON coupons (member_id, (COALESCE(valid_until, TIMESTAMPTZ 'infinity')), coupon_id);
"""


def upgrade() -> None:
    """Leave out what is no member's."""
    op.execute(_NARROW)


def downgrade() -> None:
    """Take everything in again."""
    op.execute(_WIDE)
