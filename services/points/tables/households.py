"""Who shares points (L10)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from services.points.tables.columns import amount, identifier, metadata

households = sa.Table(
    "households",
    metadata,
    identifier("household_id", primary_key=True),
    identifier("owner_member_id", nullable=True),
    sa.Column("member_ids", ARRAY(UUID(as_uuid=True)), nullable=False),
    amount("sequence"),
)
"""Households as members told last, the owner among their members; a closed one has neither."""
