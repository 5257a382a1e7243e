"""Tables of the coupons service. A unique code is stored hashed and sealed only (C8)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.contracts.coupons.orders import ORDER_STATUSES
from shared.contracts.coupons.rewards import REWARD_KINDS, STEP_STATUSES
from shared.contracts.coupons.schemas import CAMPAIGN_STATUSES, CODE_TYPES, COUPON_STATUSES, KINDS
from shared.db.merge_tables import merge_tables
from shared.db.tables import new_metadata, platform_tables

METADATA = new_metadata()
PLATFORM = platform_tables(METADATA)
MERGES = merge_tables(METADATA)

SCOPES = ("member", "member_day", "store", "held", "issued", "uses", "budget")
"""What a usage row counts, in the order rows of a campaign are locked: the hottest last."""


def _id(name: str, *constraints: sa.ForeignKey, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, UUID(as_uuid=True), *constraints, nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _words(column: str, words: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


campaigns = sa.Table(
    "campaigns",
    METADATA,
    sa.Column("campaign_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("value", sa.BigInteger),
    sa.Column("gift_sku", sa.Text),
    sa.Column("max_discount_minor", sa.BigInteger),
    sa.Column("min_spend_minor", sa.BigInteger),
    sa.Column("scope", JSONB, nullable=False),
    sa.Column("excluded", JSONB, nullable=False),
    _instant("starts_at", nullable=True),
    _instant("ends_at", nullable=True),
    sa.Column("days_after_issue", sa.Integer),
    sa.Column("never_expires", sa.Boolean, nullable=False),
    sa.Column("limit_total", sa.BigInteger),
    sa.Column("limit_per_member", sa.BigInteger),
    sa.Column("limit_per_member_per_day", sa.BigInteger),
    sa.Column("limit_per_store", sa.BigInteger),
    sa.Column("budget_minor", sa.BigInteger),
    sa.Column("stacking_category", sa.Text, nullable=False),
    sa.Column("stacking_exclusive", sa.Boolean, nullable=False),
    sa.Column("stacking_joint_with", JSONB, nullable=False),
    sa.Column("code_type", sa.Text, nullable=False),
    sa.Column("code_value", sa.Text),
    sa.Column("code_pattern", sa.Text),
    # The public code as it is compared: see `codes.normalise`.
    sa.Column("code_normal", sa.Text),
    # Seals the campaign's unique codes; wrapped by the master key, so that rotating that one
    # rewrites a row per campaign and not one per coupon.
    sa.Column("code_key", sa.LargeBinary, nullable=False),
    sa.Column("restore_on_partial_return", sa.Boolean, nullable=False),
    sa.Column("giftable", sa.Boolean, nullable=False),
    # Upon what members are given a coupon, and upon rising to which tiers.
    sa.Column("trigger_on", sa.Text),
    sa.Column("trigger_tiers", JSONB(none_as_null=True)),
    sa.Column("terms", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    _instant("created_at"),
    _instant("published_at", nullable=True),
    _instant("updated_at"),
    _words("status", CAMPAIGN_STATUSES),
    _words("kind", KINDS),
    _words("code_type", CODE_TYPES),
    sa.Index("ix_campaigns_status_campaign_id", "status", "campaign_id"),
)

campaign_versions = sa.Table(
    "campaign_versions",
    METADATA,
    sa.Column(
        "campaign_id",
        UUID(as_uuid=True),
        sa.ForeignKey("campaigns.campaign_id"),
        primary_key=True,
    ),
    sa.Column("version", sa.Integer, primary_key=True),
    # The terms as their author wrote them; the present version's are in ``campaigns``.
    sa.Column("body", JSONB, nullable=False),
    _instant("published_at"),
    _instant("superseded_at"),
)

coupons = sa.Table(
    "coupons",
    METADATA,
    sa.Column("coupon_id", UUID(as_uuid=True), primary_key=True),
    _id("campaign_id", sa.ForeignKey("campaigns.campaign_id")),
    # Of the campaign: by its terms the coupon is judged, whatever the campaign says by now.
    sa.Column("version", sa.Integer, nullable=False),
    _id("member_id", nullable=True),
    # Whose it was before a merge; null where it was nobody else's.
    _id("origin_member_id", nullable=True),
    sa.Column("status", sa.Text, nullable=False),
    # Where the coupon goes when it is let go of: issued, restored once it has been, or void
    # where its member was erased.
    sa.Column("free_status", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text),
    sa.Column("code_digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("code_sealed", sa.LargeBinary, nullable=False),
    # What staff may see of the code.
    sa.Column("code_hint", sa.Text, nullable=False),
    _instant("valid_from"),
    _instant("valid_until", nullable=True),
    _instant("issued_at"),
    _instant("updated_at"),
    # The coupon that another member gave away, whose place this one takes; once at most.
    sa.Column("gift_of", UUID(as_uuid=True), sa.ForeignKey("coupons.coupon_id")),
    sa.Column("gift_message_sealed", sa.LargeBinary),
    # How many of the notices before its end are done: the first, then the last.
    sa.Column("notices", sa.SmallInteger, nullable=False),
    # Its place among the codes made for nobody in particular, in the order they were made.
    sa.Column("code_no", sa.BigInteger),
    _words("status", COUPON_STATUSES),
    _words("free_status", ("issued", "restored", "void")),
)

orders = sa.Table(
    "orders",
    METADATA,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    # Keyed hash of the basket and codes reserved for; NULL where an order ended before it began.
    sa.Column("fingerprint", sa.LargeBinary),
    # The answer, sealed because it repeats the codes.
    sa.Column("result_sealed", sa.LargeBinary),
    _instant("opened_at", nullable=True),
    _instant("expires_at", nullable=True),
    _instant("closed_at", nullable=True),
    _instant("created_at"),
    _instant("updated_at"),
    _words("status", ORDER_STATUSES),
)

redemptions = sa.Table(
    "redemptions",
    METADATA,
    sa.Column("redemption_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("order_id", sa.Text, sa.ForeignKey("orders.order_id"), nullable=False),
    _id("campaign_id", sa.ForeignKey("campaigns.campaign_id")),
    _id("coupon_id", sa.ForeignKey("coupons.coupon_id"), nullable=True),
    # Of the campaign, by whose terms it was judged.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    _id("member_id", nullable=True),
    sa.Column("store_id", sa.Text),
    # The local day it counts for (limit per member and day).
    sa.Column("used_on", sa.Date, nullable=False),
    sa.Column("discount_minor", sa.BigInteger, nullable=False),
    sa.Column("line_discounts", JSONB, nullable=False),
    _instant("created_at"),
    _instant("updated_at"),
    sa.Index("ix_redemptions_order_id", "order_id"),
)

usage = sa.Table(
    "usage",
    METADATA,
    sa.Column("campaign_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
    _words("scope", SCOPES),
)

history = sa.Table(
    "history",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    _id("campaign_id"),
    _id("coupon_id", nullable=True),
    _id("member_id", nullable=True),
    sa.Column("from_status", sa.Text),
    sa.Column("to_status", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("order_id", sa.Text),
    sa.Column("actor_kind", sa.Text, nullable=False),
    sa.Column("actor_id", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    _instant("at"),
)

members = sa.Table(
    "members",
    METADATA,
    sa.Column("member_id", UUID(as_uuid=True), primary_key=True),
    # ``unknown`` while only the tier of the member has been heard of.
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("tier", sa.Text),
    sa.Column("tier_rank", sa.SmallInteger),
    sa.Column("birth_month", sa.SmallInteger),
    # Sequence of the newest event taken in, per producer: older ones change nothing.
    sa.Column("status_sequence", sa.BigInteger, nullable=False),
    sa.Column("tier_sequence", sa.BigInteger, nullable=False),
)

code_pools = sa.Table(
    "code_pools",
    METADATA,
    sa.Column(
        "campaign_id", UUID(as_uuid=True), sa.ForeignKey("campaigns.campaign_id"), primary_key=True
    ),
    sa.Column("made", sa.BigInteger, nullable=False),
    # Codes up to this number have been shown in full (C8).
    sa.Column("exported", sa.BigInteger, nullable=False),
)

grants = sa.Table(
    "grants",
    METADATA,
    sa.Column(
        "campaign_id", UUID(as_uuid=True), sa.ForeignKey("campaigns.campaign_id"), primary_key=True
    ),
    sa.Column("member_id", UUID(as_uuid=True), primary_key=True),
    # What the coupon was given for; nothing is given for it again.
    sa.Column("occasion", sa.Text, primary_key=True),
    _id("coupon_id", sa.ForeignKey("coupons.coupon_id"), nullable=True),
    # Why there was none.
    sa.Column("refusal", sa.Text),
    _instant("granted_at"),
)

birthday_runs = sa.Table(
    "birthday_runs",
    METADATA,
    sa.Column(
        "campaign_id", UUID(as_uuid=True), sa.ForeignKey("campaigns.campaign_id"), primary_key=True
    ),
    sa.Column("month", sa.Date, primary_key=True),
    _id("last_member_id"),
)

campaign_alarms = sa.Table(
    "campaign_alarms",
    METADATA,
    sa.Column(
        "campaign_id", UUID(as_uuid=True), sa.ForeignKey("campaigns.campaign_id"), primary_key=True
    ),
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("percent", sa.SmallInteger, primary_key=True),
    # The limit as it was: a raised one has alarms of its own.
    sa.Column("most", sa.BigInteger, primary_key=True),
    _instant("raised_at"),
)

rewards = sa.Table(
    "rewards",
    METADATA,
    sa.Column("reward_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    # Of one piece.
    sa.Column("points", sa.BigInteger, nullable=False),
    # What is left to order; NULL is not counted.
    sa.Column("stock", sa.BigInteger),
    sa.Column("per_member", sa.BigInteger),
    _instant("starts_at", nullable=True),
    _instant("ends_at", nullable=True),
    sa.Column("tiers", JSONB(none_as_null=True)),
    _id("campaign_id", sa.ForeignKey("campaigns.campaign_id"), nullable=True),
    _instant("created_at"),
    _instant("updated_at"),
    _words("kind", REWARD_KINDS),
)

reward_holders = sa.Table(
    "reward_holders",
    METADATA,
    sa.Column("member_id", UUID(as_uuid=True), primary_key=True),
    sa.Column(
        "reward_id", UUID(as_uuid=True), sa.ForeignKey("rewards.reward_id"), primary_key=True
    ),
    # Pieces in orders that were not undone.
    sa.Column("taken", sa.BigInteger, nullable=False),
)

reward_orders = sa.Table(
    "reward_orders",
    METADATA,
    sa.Column("order_id", UUID(as_uuid=True), primary_key=True),
    _id("reward_id", sa.ForeignKey("rewards.reward_id")),
    _id("member_id"),
    # Whose it was before a merge (M3).
    _id("origin_member_id", nullable=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    # Of all pieces together.
    sa.Column("points", sa.BigInteger, nullable=False),
    # The reward as it was when it was ordered.
    sa.Column("reward_name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    _id("campaign_id", sa.ForeignKey("campaigns.campaign_id"), nullable=True),
    sa.Column("coupon_ids", ARRAY(UUID(as_uuid=True)), nullable=False),
    # The caller's request: living orders have different ones.
    sa.Column("request_key", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    # What points holds for it; set once the order waits for what becomes of that.
    _id("hold_id", nullable=True),
    sa.Column("reason_code", sa.Text),
    _instant("reserved_at"),
    _instant("expires_at"),
    _instant("ordered_at", nullable=True),
    _instant("fulfilled_at", nullable=True),
    _instant("cancelled_at", nullable=True),
    _instant("updated_at"),
    _words("status", STEP_STATUSES),
)
