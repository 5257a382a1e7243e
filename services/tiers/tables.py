"""Tables of the tiers service."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from shared.contracts.tiers.events import SOURCES
from shared.db.tables import new_metadata, platform_tables

METADATA = new_metadata()
PLATFORM = platform_tables(METADATA)

_SOURCES = ", ".join(f"'{source}'" for source in SOURCES)

programmes = sa.Table(
    "tier_programmes",
    METADATA,
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("window_type", sa.Text, nullable=False),
    sa.Column("window_months", sa.SmallInteger, nullable=False),
    sa.Column("review_months", sa.SmallInteger, nullable=False),
    sa.Column("grace_days", sa.SmallInteger, nullable=False),
    sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
    sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("metric = 'qualifying_points'", name="metric_known"),
    sa.CheckConstraint("window_type = 'rolling'", name="window_type_known"),
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

sales = sa.Table(
    "contributions",
    METADATA,
    sa.Column("sale_id", sa.Text, primary_key=True),
    sa.Column("member_id", UUID(as_uuid=True), nullable=False),
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
    sa.CheckConstraint(f"source IN ({_SOURCES})", name="source_known"),
    sa.ForeignKeyConstraint(
        ["programme_version", "tier"], ["tier_levels.version", "tier_levels.code"]
    ),
)

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
    sa.CheckConstraint(f"source IN ({_SOURCES})", name="source_known"),
    sa.Index("ix_tier_history_member_id", "member_id", "change_id"),
)
"""Every change of tier there ever was; the runtime role cannot rewrite it (T5)."""
