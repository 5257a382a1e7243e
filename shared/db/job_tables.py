"""The tables of long work, in the database of the service that does it (A9)."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")


def _instant(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


@dataclass(frozen=True, slots=True)
class JobTables:
    """Handles on one service's tables of jobs."""

    jobs: sa.Table
    chunks: sa.Table
    cancellations: sa.Table


def _jobs(metadata: sa.MetaData) -> sa.Table:
    """Long work, and where to go on with it.

    ``state`` is the cursor that the last committed slice left. ``due_at`` and ``touched_at`` are
    the database's time, since a sandbox moves the platform's by months at once; ``due_at`` is null
    while input is awaited. ``attempts`` counts beginnings of the present slice, ``slices`` those
    that were committed.
    """
    listed = ", ".join(f"'{status}'" for status in STATUSES)
    return sa.Table(
        "jobs",
        metadata,
        sa.Column("job_id", UUID(as_uuid=True), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("creator", sa.Text, nullable=False),
        sa.Column("actor", JSONB, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("request", JSONB, nullable=False),
        sa.Column("state", JSONB, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger),
        sa.Column("result", JSONB),
        sa.Column("error", JSONB),
        sa.Column("content_type", sa.Text),
        sa.Column("input_digest", sa.Text),
        sa.Column("attempts", sa.SmallInteger, nullable=False),
        sa.Column("slices", sa.BigInteger, nullable=False),
        _instant("due_at"),
        _instant("touched_at", nullable=False),
        _instant("created_at", nullable=False),
        _instant("started_at"),
        _instant("finished_at"),
        sa.CheckConstraint(f"status IN ({listed})", name="status_known"),
        sa.CheckConstraint(
            "(status IN ('queued', 'running')) = (finished_at IS NULL)", name="finished_if_ended"
        ),
        sa.CheckConstraint("(status = 'failed') = (error IS NOT NULL)", name="error_if_failed"),
        sa.CheckConstraint("done >= 0", name="done_not_negative"),
        sa.Index(
            "ix_jobs_due",
            "due_at",
            "job_id",
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        ),
        sa.Index("ix_jobs_creator", "creator", "job_id"),
        sa.Index("ix_jobs_touched_at", "touched_at"),
    )


def job_tables(metadata: sa.MetaData) -> JobTables:
    """Declare the tables in a service's metadata."""
    jobs = _jobs(metadata)

    def of_job() -> sa.Column[object]:
        belongs = sa.ForeignKey(jobs.c.job_id, ondelete="CASCADE")
        return sa.Column("job_id", UUID(as_uuid=True), belongs, primary_key=True)

    return JobTables(
        jobs=jobs,
        # Files in and out of a job, in pieces; they may hold personal values, so they are sealed.
        chunks=sa.Table(
            "job_chunks",
            metadata,
            of_job(),
            sa.Column("side", sa.Text, primary_key=True),
            sa.Column("seq", sa.Integer, primary_key=True),
            sa.Column("size_bytes", sa.Integer, nullable=False),
            sa.Column("digest", sa.LargeBinary, nullable=False),
            sa.Column("data", sa.LargeBinary, nullable=False),
            sa.CheckConstraint("side IN ('input', 'output')", name="side_known"),
        ),
        # Beside the job, whose row a running slice has locked.
        cancellations=sa.Table(
            "job_cancellations",
            metadata,
            of_job(),
            sa.Column("requested_by", sa.Text, nullable=False),
            _instant("requested_at", nullable=False),
        ),
    )
