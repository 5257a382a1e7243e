from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.coupons.domain import (
    Validity,
    days_left,
    local_text,
    period,
    status_at,
    wallet_reason,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("issued_at", "days", "zone", "end"),
    [
        # 12:00 in Shanghai: the day ends at 16:00 UTC.
        (NOON, 0, SHANGHAI, datetime(2026, 3, 10, 16, tzinfo=UTC)),
        (NOON, 30, SHANGHAI, datetime(2026, 4, 9, 16, tzinfo=UTC)),
        # 00:30 in Shanghai is still the day before in UTC.
        (
            datetime(2026, 3, 9, 16, 30, tzinfo=UTC),
            1,
            SHANGHAI,
            datetime(2026, 3, 11, 16, tzinfo=UTC),
        ),
        # Over a change to daylight saving time: the day ends at 04:00 UTC, not at 05:00.
        (datetime(2026, 3, 7, 12, tzinfo=UTC), 1, NEW_YORK, datetime(2026, 3, 9, 4, tzinfo=UTC)),
        (
            datetime(2028, 1, 31, 12, tzinfo=UTC),
            29,
            SHANGHAI,
            datetime(2028, 2, 29, 16, tzinfo=UTC),
        ),
    ],
)
@pytest.mark.rule("C5")
def test_days_after_issue_end_with_the_local_day(
    issued_at: datetime, days: int, zone: ZoneInfo, end: datetime
) -> None:
    assert period(Validity(days_after_issue=days), issued_at, zone) == (issued_at, end)


def test_window_and_eternity_are_as_given() -> None:
    window = Validity(starts_at=NOON, ends_at=NOON + timedelta(days=1))
    assert period(window, NOON - timedelta(days=9), SHANGHAI) == (window.starts_at, window.ends_at)
    assert period(Validity(never_expires=True), NOON, SHANGHAI) == (NOON, None)


@pytest.mark.parametrize(
    ("valid_until", "left"),
    [
        (datetime(2026, 3, 10, 16, tzinfo=UTC), 0),
        (datetime(2026, 3, 10, 16, 0, 0, 1, tzinfo=UTC), 1),
        (datetime(2026, 3, 11, 16, tzinfo=UTC), 1),
        (datetime(2026, 3, 17, 16, tzinfo=UTC), 7),
        (datetime(2026, 3, 1, tzinfo=UTC), 0),
        (None, None),
    ],
)
@pytest.mark.rule("C5")
def test_days_left_are_local_days_after_today(
    valid_until: datetime | None, left: int | None
) -> None:
    assert days_left(valid_until, NOON, SHANGHAI) == left


@pytest.mark.rule("C5")
def test_coupon_is_lapsed_from_its_instant_on_without_any_sweep() -> None:
    for status in ("issued", "restored"):
        assert status_at(status, NOON, NOON) == "expired"
        assert status_at(status, NOON, NOON - timedelta(microseconds=1)) == status
        assert status_at(status, None, NOON) == status
    assert status_at("reserved", NOON, NOON) == "reserved"
    assert status_at("redeemed", NOON, NOON) == "redeemed"


@pytest.mark.parametrize(
    ("status", "valid_from", "campaign_status", "reason"),
    [
        ("issued", NOON, "published", None),
        ("restored", NOON, "archived", None),
        ("issued", NOON + timedelta(seconds=1), "published", "not_yet_valid"),
        ("issued", NOON, "paused", "paused"),
        ("expired", NOON, "published", "lapsed"),
        ("redeemed", NOON, "published", "used"),
        ("reserved", NOON, "published", "reserved"),
        ("void", NOON, "published", "void"),
    ],
)
def test_wallet_says_why_a_coupon_cannot_be_used(
    status: str, valid_from: datetime, campaign_status: str, reason: str | None
) -> None:
    found = wallet_reason(status, valid_from=valid_from, now=NOON, campaign_status=campaign_status)
    assert found == reason


def test_local_text_has_the_offset() -> None:
    end = datetime(2026, 3, 31, 16, tzinfo=UTC)
    assert local_text(end, SHANGHAI) == "2026-04-01T00:00:00+08:00"
    assert local_text(None, SHANGHAI) is None
