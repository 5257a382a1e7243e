"""Identifiers: UUIDv7, so that keys grow with time and indexes stay dense (A1)."""

from __future__ import annotations

from uuid import UUID

from uuid_utils import uuid7

NIL = UUID(int=0)
"""Stands for "nobody" where a key column may not be NULL."""


def new_id() -> UUID:
    """Return a fresh UUIDv7."""
    return UUID(int=uuid7().int)
