"""When a coupon is good. An instant decides, never a job (C5)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.coupons.domain.campaign import Validity

EXPIRES_SOON_DAYS = 7
"""From this many days ahead on a coupon is announced as expiring; the first notice's day (C5)."""

NOTICE_DAYS = (7, 1)
"""How many days ahead the holder hears that the coupon will lapse (C5)."""

VISIBLE_AFTER_END = timedelta(days=90)
"""How long a coupon that can no longer be used stays in the wallet (C5)."""

FAULT_GRACE = timedelta(days=7)
"""How long a coupon is good at least once a fault of the merchant's has brought it back (C4)."""

_FREE = ("issued", "restored")
_REASONS = {
    "reserved": "reserved",
    "redeemed": "used",
    "void": "void",
    "gifted": "gifted",
    "expired": "lapsed",
}


def period(
    validity: Validity, issued_at: datetime, zone: ZoneInfo
) -> tuple[datetime, datetime | None]:
    """Return from when until when a coupon is good that is issued at ``issued_at``.

    The end is exclusive; None is never. Days end at 24:00 of the programme's local day: a coupon
    of 0 days is good until the end of the day of its issue.
    """
    if validity.days_after_issue is not None:
        last_day = issued_at.astimezone(zone).date() + timedelta(days=validity.days_after_issue)
        end = datetime.combine(last_day + timedelta(days=1), time(), zone)
        return issued_at, end.astimezone(UTC)
    return validity.starts_at or issued_at, validity.ends_at


def notices_done(valid_until: datetime | None, at: datetime) -> int:
    """Return how many of the notices are over at ``at``: those, a coupon of then never gives."""
    if valid_until is None:
        return 0
    return sum(valid_until - timedelta(days=days) < at for days in NOTICE_DAYS)


def status_at(status: str, valid_until: datetime | None, now: datetime) -> str:
    """Return the status that holds at ``now``, whether or not a sweep has written it down."""
    lapsed = valid_until is not None and valid_until <= now
    return "expired" if status in _FREE and lapsed else status


def wallet_reason(
    status: str, *, valid_from: datetime, now: datetime, campaign_status: str
) -> str | None:
    """Return why a coupon of status ``status_at(...)`` cannot be used now; None if it can."""
    if status in _REASONS:
        return _REASONS[status]
    if campaign_status == "paused":
        return "paused"
    return "not_yet_valid" if now < valid_from else None


def days_left(valid_until: datetime | None, now: datetime, zone: ZoneInfo) -> int | None:
    """Return the local days after today on which the coupon is still good.

    0 is "today is the last day", and also what a lapsed coupon has left; None is no end.
    """
    if valid_until is None:
        return None
    # The end is exclusive: at 00:00 the last day was the one before.
    last_day = (valid_until.astimezone(zone) - timedelta(microseconds=1)).date()
    return max((last_day - now.astimezone(zone).date()).days, 0)


def local_text(instant: datetime | None, zone: ZoneInfo) -> str | None:
    """Return the instant as local time with its offset."""
    return None if instant is None else instant.astimezone(zone).isoformat()
