"""Periods of paid membership: they follow one another, and end when they are refunded (T7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from uuid import UUID

from services.tiers.domain.programme import add_months

RENEWAL_NOTICE = timedelta(days=14)
"""How long before its end a membership that nothing follows is told of."""


@dataclass(frozen=True, slots=True)
class Paid:
    """One purchase of a tier, from one instant until another."""

    subscription_id: UUID
    tier: str
    months: int
    starts_at: datetime
    ends_at: datetime


def months_later(at: datetime, months: int, zone: tzinfo) -> datetime:
    """Return the same local time so many months later; the last day of a shorter month."""
    local = at.astimezone(zone)
    return datetime.combine(add_months(local.date(), months), local.timetz()).astimezone(UTC)


def start_of_next(running: Sequence[Paid], tier: str, now: datetime) -> datetime:
    """Return when a new purchase begins: after all that is paid for the same tier already."""
    return max([now, *(paid.ends_at for paid in running if paid.tier == tier)])


def close_ranks(others: Sequence[Paid], gone: Paid, now: datetime, zone: tzinfo) -> list[Paid]:
    """Return the later purchases of a tier as they move up once one of it is refunded."""
    moved = []
    ends = [each.ends_at for each in others if each.tier == gone.tier and each.starts_at <= now]
    free_from = max([now, *ends])
    coming = [each for each in others if each.tier == gone.tier and each.starts_at > now]
    for each in sorted(coming, key=lambda paid: paid.starts_at):
        ends_at = months_later(free_from, each.months, zone)
        moved.append(replace(each, starts_at=free_from, ends_at=ends_at))
        free_from = ends_at
    return moved
