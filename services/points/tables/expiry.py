"""How long points last over time (L12), and who was told of it (L4)."""

from __future__ import annotations

import sqlalchemy as sa

from services.points.tables.columns import amount, identifier, instant, metadata, text

expiry_changes = sa.Table(
    "expiry_changes",
    metadata,
    identifier("change_id", primary_key=True),
    amount("number"),
    amount("months"),
    text("round_to"),
    instant("effective_from"),
    amount("previous_months"),
    text("previous_round_to"),
    sa.Column("shortens", sa.Boolean, nullable=False),
    sa.Column("force", sa.Boolean, nullable=False),
    text("reason", nullable=True),
    instant("announced_at"),
    text("announced_by"),
    text("request_id"),
)
"""What was ever decided on how long points last (L12); rows never change."""

expiry_periods = sa.Table(
    "expiry_periods",
    metadata,
    identifier("change_id", primary_key=True),
    sa.Column("earned_from", sa.DateTime(timezone=True), primary_key=True),
    instant("earned_until"),
    instant("expires_at"),
)
"""What a change says of points by when they were earned; rows never change."""

expiry_passes = sa.Table(
    "expiry_passes",
    metadata,
    identifier("change_id", primary_key=True),
    identifier("after_member_id"),
    amount("lots_extended"),
    instant("finished_at", nullable=True),
)
"""How far existing lots have been brought up to a change: all of members to ``after_member_id``.

The database notes in ``announced_xid`` which transaction announced it.
"""

notice_rounds = sa.Table(
    "notice_rounds",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("previous_day", sa.Date),
    identifier("after_member_id"),
    amount("notices"),
    instant("finished_at", nullable=True),
)
"""On which local days members were told what lapses soon, and how far that has come."""

expiry_notices = sa.Table(
    "expiry_notices",
    metadata,
    identifier("member_id", primary_key=True),
    sa.Column("expires_at", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("days_ahead", sa.SmallInteger, primary_key=True),
    amount("points"),
    instant("noticed_at"),
)
"""What members have been told of points that have not lapsed yet, once each (L4)."""

nightly_proofs = sa.Table(
    "nightly_proofs",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    instant("started_at"),
)
"""On which local days the ledger was proven by night (L2)."""
