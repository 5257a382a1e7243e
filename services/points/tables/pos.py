"""What tills left for staff and for later: claims, numbers, exceptions, allowances (S5, S6)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.points.tables.columns import amount, identifier, instant, metadata, text

sale_claims = sa.Table(
    "sale_claims",
    metadata,
    text("sale_id", primary_key=True),
    identifier("member_id"),
    instant("claimed_at"),
    text("claimed_by"),
    text("answer"),
)
"""Who claimed sales that were recorded without a member; once each (S6)."""

pos_terminals = sa.Table(
    "pos_terminals",
    metadata,
    text("terminal_id", primary_key=True),
    amount("last_counter"),
)
"""The highest running number seen of each terminal; the row to lock before its gaps (S5)."""

pos_exceptions = sa.Table(
    "pos_exceptions",
    metadata,
    identifier("exception_id", primary_key=True),
    text("kind"),
    text("status"),
    text("terminal_id"),
    text("store_id", nullable=True),
    amount("first_counter", nullable=True),
    amount("last_counter", nullable=True),
    text("sale_id", nullable=True),
    text("return_id", nullable=True),
    identifier("member_id", nullable=True),
    instant("occurred_at", nullable=True),
    amount("amount_minor", nullable=True),
    amount("points_to_redeem", nullable=True),
    text("code", nullable=True),
    text("detail", nullable=True),
    text("fingerprint", nullable=True),
    amount("times"),
    instant("detected_at"),
    instant("last_reported_at"),
    text("action", nullable=True),
    text("note", nullable=True),
    text("resolved_by", nullable=True),
    instant("closed_at", nullable=True),
)
"""What staff has to look at of tills' reports (S5).

A gap is unique while open by where it begins; a refused report by its ``fingerprint``, however
often it is sent (``times``).
"""

allowance_keys = sa.Table(
    "allowance_keys",
    metadata,
    text("kid", primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("public_jwk", JSONB, nullable=False),
    instant("created_at"),
)
"""Key pairs that sign offline allowances, the private half sealed; the newest signs (S5)."""

offline_allowances = sa.Table(
    "offline_allowances",
    metadata,
    identifier("allowance_id", primary_key=True),
    identifier("member_id"),
    text("terminal_id"),
    amount("points"),
    amount("used"),
    instant("granted_at"),
    instant("valid_until"),
    instant("ended_at", nullable=True),
    sa.Column(
        "merge_ids", ARRAY(sa.Uuid(as_uuid=True)), nullable=False, server_default=sa.text("'{}'")
    ),
)
"""What tills were promised that members may spend offline, and what of it they reported (S5).

``merge_ids`` are the merges that brought it to its member, the newest last (M3). Guarded by the
lock on the member's account.
"""
