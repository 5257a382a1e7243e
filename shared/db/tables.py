"""The tables every service has beside its own: outbox, inbox, idempotency, jobs, audit."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shared.db.audit_tables import AuditTables, audit_tables
from shared.db.job_tables import JobTables, job_tables

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def new_metadata() -> sa.MetaData:
    """Return metadata with the house's constraint names."""
    return sa.MetaData(naming_convention=NAMING)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


@dataclass(frozen=True, slots=True)
class PlatformTables:
    """Handles on one service's platform tables."""

    outbox: sa.Table
    event_sequences: sa.Table
    inbox: sa.Table
    inbox_checkpoints: sa.Table
    idempotency: sa.Table
    sandbox_clock: sa.Table
    work: JobTables
    audit: AuditTables


def _outbox(metadata: sa.MetaData) -> sa.Table:
    """Events wait here, written in the transaction that caused them, until the relay sent them."""
    return sa.Table(
        "outbox",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("event_id", UUID(as_uuid=True), nullable=False, unique=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("version", sa.SmallInteger, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        _instant("occurred_at"),
        _instant("recorded_at"),
        sa.Column("traceparent", sa.Text),
        sa.Column("request_id", sa.Text),
        sa.Column("data", JSONB, nullable=False),
        _instant("published_at", nullable=True),
        sa.UniqueConstraint("subject", "sequence"),
        sa.Index("ix_outbox_unpublished", "id", postgresql_where=sa.text("published_at IS NULL")),
    )


def _idempotency(metadata: sa.MetaData) -> sa.Table:
    """One row per key and route of a caller, with the answer given (A3)."""
    return sa.Table(
        "idempotency",
        metadata,
        sa.Column("caller", sa.Text, primary_key=True),
        sa.Column("route", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("status", sa.SmallInteger),
        sa.Column("body", sa.LargeBinary),
        _instant("created_at"),
        sa.Index("ix_idempotency_created_at", "created_at"),
    )


def platform_tables(metadata: sa.MetaData) -> PlatformTables:
    """Declare the platform tables in a service's metadata."""
    return PlatformTables(
        outbox=_outbox(metadata),
        event_sequences=sa.Table(
            "event_sequences",
            metadata,
            sa.Column("subject", sa.Text, primary_key=True),
            sa.Column("last", sa.BigInteger, nullable=False),
        ),
        inbox=sa.Table(
            "inbox",
            metadata,
            sa.Column("producer", sa.Text, primary_key=True),
            sa.Column("event_id", UUID(as_uuid=True), primary_key=True),
            _instant("consumed_at"),
            sa.Index("ix_inbox_consumed_at", "consumed_at"),
        ),
        inbox_checkpoints=sa.Table(
            "inbox_checkpoints",
            metadata,
            sa.Column("producer", sa.Text, primary_key=True),
            sa.Column("outbox_id", sa.BigInteger, nullable=False),
        ),
        idempotency=_idempotency(metadata),
        sandbox_clock=sa.Table(
            "sandbox_clock",
            metadata,
            sa.Column("single", sa.Boolean, primary_key=True),
            sa.Column("offset_us", sa.BigInteger, nullable=False),
            sa.CheckConstraint("single AND offset_us >= 0", name="single_row_forward"),
        ),
        work=job_tables(metadata),
        audit=audit_tables(metadata),
    )


PLATFORM = platform_tables(new_metadata())
"""Handles for the shared code, which works on any service's database."""
