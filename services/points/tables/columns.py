"""Columns as the tables of points have them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from shared.db.tables import new_metadata

metadata = new_metadata()


def identifier(
    name: str, *, nullable: bool = False, primary_key: bool = False
) -> sa.Column[object]:
    """Return a column of UUIDs."""
    return sa.Column(name, UUID(as_uuid=True), nullable=nullable, primary_key=primary_key)


def instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    """Return a column of instants."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def amount(name: str, *, nullable: bool = False) -> sa.Column[object]:
    """Return a column of whole numbers."""
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def text(name: str, *, nullable: bool = False, primary_key: bool = False) -> sa.Column[object]:
    """Return a column of text."""
    return sa.Column(name, sa.Text, nullable=nullable, primary_key=primary_key)
