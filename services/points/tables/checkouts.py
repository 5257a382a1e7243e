"""Orders that are becoming sales (H2)."""

from __future__ import annotations

import sqlalchemy as sa

from services.points.tables.columns import amount, identifier, instant, metadata, text

checkouts = sa.Table(
    "checkouts",
    metadata,
    text("order_id", primary_key=True),
    identifier("member_id", nullable=True),
    text("status"),
    amount("attempt"),
    text("digest"),
    text("opened_by"),
    instant("opened_at"),
    instant("expires_at"),
    instant("closed_at", nullable=True),
)
"""Orders that are becoming sales; points decides what becomes of each (H2)."""
