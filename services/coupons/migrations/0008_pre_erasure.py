"""Coupons of members who were erased (M6).

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# NOT VALID, so that no table of millions is read under the lock: its rows met a narrower check.
_DDL = """
ALTER TABLE coupons
    DROP CONSTRAINT ck_coupons_free_status_known,
    ADD CONSTRAINT ck_coupons_free_status_known
        CHECK (free_status IN ('issued', 'restored', 'void')) NOT VALID;
DROP TRIGGER append_only ON history;
-- What staff wrote about a member's coupon goes with the member; what happened stays.
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OF
    id, campaign_id, coupon_id, member_id, from_status, to_status, cause, order_id, actor_kind,
    actor_id, request_id, at
    ON history FOR EACH ROW EXECUTE FUNCTION refuse_change();
GRANT UPDATE (reason) ON history TO loyalty_coupons;
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_DDL)
