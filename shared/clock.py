"""Time as an argument. Rules never ask the wall clock; a process asks a `Clock`.

With ``LOYALTY_SANDBOX=1`` the platform's time runs ahead of the machine's by an offset (A8). Each
service keeps that offset in its own database and reads it when a transaction begins, so that all
replicas and relays of a service agree without a message between them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Something that knows the time."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to, for tests."""

    def __init__(self, start: datetime) -> None:
        """Start at an aware instant."""
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the set instant."""
        return self._now

    def move_to(self, instant: datetime) -> None:
        """Jump to an instant, in either direction."""
        self._now = instant.astimezone(UTC)

    def advance(self, **delta: float) -> datetime:
        """Move on by ``timedelta(**delta)`` and return the new instant."""
        self._now += timedelta(**delta)
        return self._now


def rfc3339(instant: datetime) -> str:
    """Format an aware instant as RFC 3339 UTC with ``Z``; microseconds only when there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """Parse what `rfc3339` writes.

    Raises:
        ValueError: the text is no instant, or names no offset.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return instant.astimezone(UTC)
