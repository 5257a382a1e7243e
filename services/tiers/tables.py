"""Tables of the tiers service."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shared.contracts.tiers.benefits import SUBSCRIPTION_STATUSES
from shared.contracts.tiers.events import METRICS, SOURCES
from shared.contracts.tiers.overrides import OVERRIDE_STATUSES
from shared.contracts.tiers.programmes import BENEFIT_KINDS, QUOTA_PERIODS, WINDOWS
from shared.db.merge_tables import merge_tables
from shared.db.tables import new_metadata, platform_tables

METADATA = new_metadata()
PLATFORM = platform_tables(METADATA)
MERGES = merge_tables(METADATA)


def _quoted(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _origin() -> sa.Column[object]:
    """Whose it was before a merge; null where it was nobody else's (M3)."""
    return sa.Column("origin_member_id", UUID(as_uuid=True))


_SOURCES = _quoted(SOURCES)
_METRICS, _WINDOWS = _quoted(METRICS), _quoted(WINDOWS)

programmes = sa.Table(
    "tier_programmes",
    METADATA,
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("window_type", sa.Text, nullable=False),
    sa.Column("window_months", sa.SmallInteger),
    sa.Column("review_months", sa.SmallInteger, nullable=False),
    sa.Column("grace_days", sa.SmallInteger, nullable=False),
    sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False, unique=True),
    sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
    # Of all it says: two databases may have a version 2 each, and mean something else by it.
    sa.Column("digest", sa.Text, nullable=False, server_default=""),
    sa.CheckConstraint(f"metric IN ({_METRICS})", name="metric_known"),
    sa.CheckConstraint(f"window_type IN ({_WINDOWS})", name="window_type_known"),
    sa.CheckConstraint(
        "(window_type = 'rolling') = (window_months IS NOT NULL)", name="only_rolling_has_months"
    ),
    sa.CheckConstraint("window_months BETWEEN 1 AND 120", name="window_months_range"),
    sa.CheckConstraint("review_months BETWEEN 1 AND 120", name="review_months_range"),
    sa.CheckConstraint("grace_days BETWEEN 0 AND 365", name="grace_days_range"),
)

levels = sa.Table(
    "tier_levels",
    METADATA,
    sa.Column("version", sa.Integer, sa.ForeignKey(programmes.c.version), primary_key=True),
    sa.Column("rank", sa.SmallInteger, primary_key=True),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("threshold", sa.BigInteger, nullable=False),
    sa.Column("multiplier", sa.Numeric(6, 3), nullable=False),
    sa.UniqueConstraint("version", "code"),
    sa.UniqueConstraint("version", "threshold"),
    sa.CheckConstraint("rank >= 0 AND (rank = 0) = (threshold = 0)", name="entry_costs_nothing"),
    sa.CheckConstraint("multiplier > 0", name="multiplier_positive"),
)

benefits = sa.Table(
    "tier_benefits",
    METADATA,
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("rank", sa.SmallInteger, primary_key=True),
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("place", sa.SmallInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value", sa.BigInteger),
    sa.Column("campaign_id", UUID(as_uuid=True)),
    sa.Column("quota_count", sa.Integer),
    sa.Column("quota_per", sa.Text),
    sa.ForeignKeyConstraint(["version", "rank"], ["tier_levels.version", "tier_levels.rank"]),
    sa.CheckConstraint(f"kind IN ({_quoted(BENEFIT_KINDS)})", name="kind_known"),
    sa.CheckConstraint(
        "(quota_count IS NULL) = (quota_per IS NULL) AND quota_count > 0", name="quota_whole"
    ),
    sa.CheckConstraint(f"quota_per IN ({_quoted(QUOTA_PERIODS)})", name="quota_per_known"),
)

versions = sa.Sequence("tier_programme_versions", metadata=METADATA, start=2)

drafts = sa.Table(
    "tier_drafts",
    METADATA,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("content", JSONB, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
)
"""Versions that can still be changed; publishing moves one into the tables above (T5)."""

sales = sa.Table(
    "contributions",
    METADATA,
    sa.Column("sale_id", sa.Text, primary_key=True),
    sa.Column("member_id", UUID(as_uuid=True), nullable=False),
    _origin(),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("payable_minor", sa.BigInteger, nullable=False),
    sa.Column("refunded_minor", sa.BigInteger, nullable=False),
    sa.Column(
        "points",
        sa.BigInteger,
        sa.Computed("greatest(payable_minor - refunded_minor, 0) / 100", persisted=True),
        nullable=False,
    ),
    sa.CheckConstraint("payable_minor >= 0 AND refunded_minor >= 0", name="never_negative"),
    sa.Index("ix_contributions_window", "member_id", "occurred_at"),
)
"""What each sale contributes, on its own date; ``points`` is what counts after returns."""

refunds = sa.Table(
    "refunds",
    METADATA,
    sa.Column("sale_id", sa.Text, sa.ForeignKey(sales.c.sale_id), primary_key=True),
    # A cancel is the return that ends all; it has no id of its own.
    sa.Column("return_id", sa.Text, primary_key=True),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("refunded_total_minor", sa.BigInteger, nullable=False),
    sa.CheckConstraint("refunded_total_minor >= 0", name="never_negative"),
)

states = sa.Table(
    "tier_states",
    METADATA,
    sa.Column("member_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("rank", sa.SmallInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    sa.Column("review_on", sa.Date, nullable=False),
    sa.Column("programme_version", sa.Integer, nullable=False),
    sa.Column("earned_rank", sa.SmallInteger),
    sa.Column("earned_since", sa.DateTime(timezone=True)),
    sa.Column("told_from", sa.DateTime(timezone=True)),
    sa.Column("in_grace", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("judged_at", sa.DateTime(timezone=True)),
    sa.Column("began_at", sa.DateTime(timezone=True)),
    sa.Column("enrolled", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("status", sa.Text, nullable=False, server_default="active"),
    sa.Column("status_sequence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("notified", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("floor_tier", sa.Text),
    sa.Column("floor_rank", sa.SmallInteger),
    sa.Column("floor_source", sa.Text),
    sa.Column("floor_changes_at", sa.DateTime(timezone=True)),
    sa.Column("birth_month", sa.SmallInteger),
    sa.Column(
        "due_at",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.text("'1970-01-01T00:00:00Z'"),
    ),
    sa.CheckConstraint(f"source IN ({_SOURCES})", name="source_known"),
    sa.CheckConstraint(
        "(floor_tier IS NULL) = (floor_rank IS NULL)"
        " AND (floor_tier IS NULL) = (floor_source IS NULL)",
        name="floor_whole",
    ),
    sa.ForeignKeyConstraint(
        ["programme_version", "tier"], ["tier_levels.version", "tier_levels.code"]
    ),
    sa.Index("ix_tier_states_due_at", "due_at", postgresql_where=sa.text("status = 'active'")),
    sa.Index(
        "ix_tier_states_programme_version_member_id",
        "programme_version",
        "member_id",
        postgresql_where=sa.text("status = 'active'"),
    ),
    sa.Index(
        "ix_tier_states_birth_month_member_id",
        "birth_month",
        "member_id",
        postgresql_where=sa.text("status = 'active'"),
    ),
)
"""Each member's tier. ``tier``, ``source`` and ``since`` are what is shown; what was earned is kept
beside it, under whatever floor an override or a purchase puts there. ``due_at`` is when time alone
changes something next."""

history = sa.Table(
    "tier_history",
    METADATA,
    sa.Column("change_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("member_id", UUID(as_uuid=True), nullable=False),
    sa.Column("from_tier", sa.Text),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("sale_id", sa.Text),
    sa.Column("have", sa.BigInteger, nullable=False),
    sa.Column("programme_version", sa.Integer, nullable=False),
    sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("keep", sa.BigInteger),
    sa.Column("actor_kind", sa.Text, nullable=False, server_default="system"),
    sa.Column("actor_id", sa.Text, nullable=False, server_default="system"),
    sa.Column("note", sa.Text),
    sa.Column("reference", sa.Text),
    sa.CheckConstraint(f"source IN ({_SOURCES})", name="source_known"),
    sa.Index("ix_tier_history_member_id", "member_id", "change_id"),
)
"""Every change of tier there ever was; the runtime role cannot rewrite it (T5)."""

overrides = sa.Table(
    "tier_overrides",
    METADATA,
    sa.Column("override_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("member_id", UUID(as_uuid=True), nullable=False),
    _origin(),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    # What it was judged against: the tier earned then, and how far above it this is.
    sa.Column("earned_tier", sa.Text, nullable=False),
    sa.Column("levels_up", sa.SmallInteger, nullable=False),
    sa.Column("requested_by_kind", sa.Text, nullable=False),
    sa.Column("requested_by_id", sa.Text, nullable=False),
    sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("decided_by_kind", sa.Text),
    sa.Column("decided_by_id", sa.Text),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    sa.Column("decision_note", sa.Text),
    sa.Column("starts_at", sa.DateTime(timezone=True)),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint(f"status IN ({_quoted(OVERRIDE_STATUSES)})", name="status_known"),
    sa.CheckConstraint(
        "(status IN ('approved', 'revoked')) = (starts_at IS NOT NULL)",
        name="started_once_approved",
    ),
    sa.CheckConstraint("expires_at > requested_at", name="ends_later"),
    sa.CheckConstraint(
        "levels_up <= 1 OR starts_at IS NULL"
        " OR (decided_by_kind, decided_by_id) <> (requested_by_kind, requested_by_id)",
        name="nobody_approves_own",
    ),
    sa.Index("ix_tier_overrides_member_id_override_id", "member_id", "override_id"),
    sa.Index(
        "uq_tier_overrides_open",
        "member_id",
        unique=True,
        postgresql_where=sa.text("status = 'pending_approval'"),
    ),
)
"""Floors that staff put under a member's tier (T4)."""

uses = sa.Table(
    "benefit_uses",
    METADATA,
    sa.Column("use_id", sa.Text, primary_key=True),
    sa.Column("member_id", UUID(as_uuid=True), nullable=False),
    _origin(),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("used_by_kind", sa.Text, nullable=False),
    sa.Column("used_by_id", sa.Text, nullable=False),
    sa.Column("reversed_at", sa.DateTime(timezone=True)),
    sa.Column("reversed_cause", sa.Text),
    sa.CheckConstraint(
        "(reversed_at IS NULL) = (reversed_cause IS NULL)", name="reversed_with_cause"
    ),
    sa.Index("ix_benefit_uses_member_id", "member_id", "used_at"),
    sa.Index(
        "ix_benefit_uses_member_id_code_used_at",
        "member_id",
        "code",
        "used_at",
        postgresql_where=sa.text("reversed_at IS NULL"),
    ),
    sa.Index(
        "ix_benefit_uses_reference",
        "reference",
        postgresql_where=sa.text("reversed_at IS NULL"),
    ),
)
"""Uses of benefits, each under the id its caller gave it (T6)."""

grants = sa.Table(
    "benefit_grants",
    METADATA,
    sa.Column("member_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("occasion", sa.Text, primary_key=True),
    sa.Column("grant_id", UUID(as_uuid=True), nullable=False, unique=True),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
)
"""Benefits that came by themselves: one of a kind on each occasion (T6)."""

plans = sa.Table(
    "plans",
    METADATA,
    sa.Column("plan", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("months", sa.SmallInteger, nullable=False),
    sa.Column("price_minor", sa.BigInteger, nullable=False),
    sa.Column("cooling_off_days", sa.SmallInteger, nullable=False),
    sa.Column("on_sale", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("months BETWEEN 1 AND 120", name="months_range"),
    sa.CheckConstraint("price_minor >= 0", name="price_not_negative"),
    sa.CheckConstraint("cooling_off_days BETWEEN 0 AND 365", name="cooling_off_days_range"),
)

subscriptions = sa.Table(
    "subscriptions",
    METADATA,
    sa.Column("subscription_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("member_id", UUID(as_uuid=True), nullable=False),
    _origin(),
    sa.Column("order_id", sa.Text, nullable=False, unique=True),
    sa.Column("plan", sa.Text, sa.ForeignKey(plans.c.plan), nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("months", sa.SmallInteger, nullable=False),
    sa.Column("paid_minor", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("refundable_until", sa.DateTime(timezone=True), nullable=False),
    sa.Column("bought_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("cancelled_at", sa.DateTime(timezone=True)),
    sa.Column("refund_minor", sa.BigInteger, nullable=False),
    sa.Column("notified_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint(f"status IN ({_quoted(SUBSCRIPTION_STATUSES)})", name="status_known"),
    sa.CheckConstraint("ends_at >= starts_at", name="ends_later"),
    sa.CheckConstraint("refund_minor BETWEEN 0 AND paid_minor", name="refund_within_paid"),
    sa.CheckConstraint("(status = 'active') = (cancelled_at IS NULL)", name="cancelled_at_a_time"),
    sa.Index("ix_subscriptions_member_id_ends_at", "member_id", "ends_at"),
    sa.Index(
        "ix_subscriptions_renewal",
        "ends_at",
        postgresql_where=sa.text("status = 'active' AND notified_at IS NULL"),
    ),
)
"""Paid membership: a plan's terms as they were when it was bought (T7)."""
