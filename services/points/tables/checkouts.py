"""Orders that are becoming sales (H2)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

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
    sa.Column("promise", JSONB(none_as_null=True)),
    identifier("hold_id", nullable=True),
    instant("ready_at", nullable=True),
    text("reason_code", nullable=True),
    sa.Column("past_digests", JSONB(none_as_null=True)),
)
"""Orders that are becoming sales; points decides what becomes of each (H2).

``promise`` is what the order was promised (H1), and what it earns; null where a till's sale is
recorded in one call. ``ready_at`` is when all it needs was reserved everywhere; ``reason_code`` is
why somebody cancelled it, null where it was only given up half-way. ``past_digests`` are those of
earlier openings that were answered: a late duplicate of one does not open the order again.
"""
