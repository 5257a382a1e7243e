"""The audit trail in each service's database (I4)."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID


@dataclass(frozen=True, slots=True)
class AuditTables:
    """Handles on one service's audit trail."""

    rows: sa.Table
    head: sa.Table


def audit_tables(metadata: sa.MetaData) -> AuditTables:
    """Declare the tables in a service's metadata."""
    return AuditTables(
        # Append-only: the database refuses everything else. `reason` is sealed, and hashed so.
        rows=sa.Table(
            "audit",
            metadata,
            sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("audit_id", UUID(as_uuid=True), nullable=False, unique=True),
            sa.Column("at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("actor_kind", sa.Text, nullable=False),
            sa.Column("actor_id", sa.Text, nullable=False),
            sa.Column("action", sa.Text, nullable=False),
            sa.Column("target_kind", sa.Text, nullable=False),
            sa.Column("target_id", sa.Text, nullable=False),
            sa.Column("before", JSONB),
            sa.Column("after", JSONB),
            sa.Column("reason", sa.LargeBinary),
            sa.Column("request_id", sa.Text, nullable=False),
            sa.Column("hash", sa.LargeBinary, nullable=False),
            sa.CheckConstraint("sequence > 0", name="sequence_positive"),
            sa.Index("ix_audit_actor", "actor_id", "audit_id"),
            sa.Index("ix_audit_target", "target_id", "audit_id"),
            sa.Index("ix_audit_action", "action", "audit_id"),
            sa.Index("ix_audit_at", "at"),
        ),
        # The end of the chain; whoever appends holds its row.
        head=sa.Table(
            "audit_head",
            metadata,
            sa.Column("single", sa.Boolean, primary_key=True),
            sa.Column("sequence", sa.BigInteger, nullable=False),
            sa.Column("hash", sa.LargeBinary, nullable=False),
            sa.CheckConstraint("single", name="single_row"),
        ),
    )
