"""What moves points beside sales: holds (L5), adjustments (L9), transfers (L10)."""

from __future__ import annotations

import sqlalchemy as sa

from services.points.tables.columns import amount, identifier, instant, metadata, text

holds = sa.Table(
    "holds",
    metadata,
    identifier("hold_id", primary_key=True),
    identifier("member_id"),
    amount("number"),
    text("order_id"),
    amount("points"),
    amount("captured"),
    text("status"),
    text("placed_by"),
    text("store_id", nullable=True),
    instant("placed_at"),
    instant("expires_at"),
    instant("closed_at", nullable=True),
)
"""Points set aside for orders (L5); ``number`` is the entry that drew them from their lots.

At most one per order is held or captured: a retry finds it.
"""

adjustments = sa.Table(
    "adjustments",
    metadata,
    identifier("adjustment_id", primary_key=True),
    identifier("member_id"),
    amount("points"),
    text("reason_code"),
    text("note"),
    instant("expires_at", nullable=True),
    text("status"),
    text("requested_by"),
    instant("requested_at"),
    text("decided_by", nullable=True),
    instant("decided_at", nullable=True),
    identifier("transaction_id", nullable=True),
)
"""Points that staff gave or took, or asked to: large ones are decided by a second person (L9)."""

transfers = sa.Table(
    "transfers",
    metadata,
    identifier("transfer_id", primary_key=True),
    identifier("from_member_id"),
    identifier("to_member_id"),
    amount("points"),
    text("note", nullable=True),
    identifier("household_id", nullable=True),
    text("made_by"),
    instant("made_at"),
)
"""Points that members gave one another, or that a household pooled (L10)."""
