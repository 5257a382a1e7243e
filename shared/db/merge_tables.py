"""What a service keeps of merged members (M3)."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, UUID


@dataclass(frozen=True, slots=True)
class MergeTables:
    """Handles on one service's record of merges."""

    steps: sa.Table
    redirects: sa.Table


def _id(name: str, *, primary_key: bool = False) -> sa.Column[object]:
    return sa.Column(name, UUID(as_uuid=True), primary_key=primary_key, nullable=False)


def merge_tables(metadata: sa.MetaData) -> MergeTables:
    """Declare the tables in a service's metadata."""
    return MergeTables(
        # Steps heard of; those that came too early wait with no ``applied_at``.
        steps=sa.Table(
            "member_merge_steps",
            metadata,
            _id("step_id", primary_key=True),
            _id("merge_id"),
            sa.Column("act", sa.Text, nullable=False),
            _id("source_member_id"),
            _id("survivor_member_id"),
            sa.Column("after", ARRAY(UUID(as_uuid=True)), nullable=False),
            sa.Column("sequence", sa.BigInteger, nullable=False),
            sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("applied_at", sa.DateTime(timezone=True)),
            sa.CheckConstraint("act IN ('merge', 'unmerge')", name="act_known"),
            sa.UniqueConstraint("merge_id", "act"),
            sa.Index(
                "ix_member_merge_steps_waiting",
                "step_id",
                postgresql_where=sa.text("applied_at IS NULL"),
            ),
        ),
        # Who is another member by now, one step of the way each.
        redirects=sa.Table(
            "member_redirects",
            metadata,
            _id("member_id", primary_key=True),
            _id("merged_into"),
            _id("merge_id"),
            sa.CheckConstraint("member_id <> merged_into", name="to_another"),
            sa.Index("ix_member_redirects_merged_into", "merged_into"),
        ),
    )
