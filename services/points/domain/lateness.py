"""Whether a report comes in time (S5)."""

from __future__ import annotations

from datetime import datetime

from services.points.domain.programme import Programme
from shared.errors.points import SaleInFuture, SaleTooOld


def judge_time(occurred_at: datetime, programme: Programme, now: datetime) -> None:
    """Let a sale or return pass that is reported in time, from a till or a shop alike.

    Raises:
        SaleInFuture: it is dated more than the tolerated five minutes ahead.
        SaleTooOld: it happened longer ago than it may be reported.
    """
    if occurred_at > now + programme.future_tolerance:
        raise SaleInFuture
    if occurred_at < now - programme.late_limit:
        raise SaleTooOld


def is_offline(occurred_at: datetime, programme: Programme, now: datetime) -> bool:
    """Return whether a till cannot have been online when this happened: it reports too late."""
    return now - occurred_at > programme.online_within
