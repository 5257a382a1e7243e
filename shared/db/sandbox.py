"""The sandbox clock's offset in a service's own database (A8)."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa


def offset(connection: sa.Connection) -> timedelta:
    """Return how far the platform's time is ahead of the machine's."""
    found = connection.execute(sa.text("SELECT offset_us FROM sandbox_clock")).scalar()
    return timedelta(microseconds=found or 0)


def advance(connection: sa.Connection, *, machine_now: datetime, target: datetime) -> None:
    """Let the platform's time be at least ``target``; a clock already there stays as it is."""
    ahead = (target - machine_now) // timedelta(microseconds=1)
    connection.execute(
        sa.text(
            "INSERT INTO sandbox_clock AS c (single, offset_us) VALUES (true, :ahead)"
            " ON CONFLICT (single) DO UPDATE"
            " SET offset_us = greatest(c.offset_us, excluded.offset_us)"
        ),
        {"ahead": max(ahead, 0)},
    )
