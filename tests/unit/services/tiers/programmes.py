"""Programmes and sales for the tests of the rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.tiers.domain.machine import Life
from services.tiers.domain.programme import Level, Programme, Window
from services.tiers.domain.progress import Refund, Sale

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 1, 1, 4, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ROLLING_YEAR = Window("rolling", 12)
LEVELS = (
    Level("BRONZE", "Bronze", 0, 0, "1"),
    Level("SILVER", "Silver", 1, 1_000, "1.1"),
    Level("GOLD", "Gold", 2, 5_000, "1.25"),
    Level("PLATINUM", "Platinum", 3, 20_000, "1.5"),
)


def programme(
    version: int = 1,
    *,
    metric: str = "qualifying_points",
    window: Window = ROLLING_YEAR,
    review_months: int = 12,
    grace_days: int = 30,
    effective_from: datetime = LONG_AGO,
    levels: tuple[Level, ...] = LEVELS,
) -> Programme:
    return Programme(
        version, "P", metric, window, review_months, grace_days, effective_from, levels
    )


def life(*programmes: Programme) -> Life:
    return Life(START, SHANGHAI, programmes or (programme(),))


def at(day: float) -> datetime:
    return START + timedelta(days=day)


def sale(sale_id: str, day: float, yuan: int, *refunds: tuple[float, int]) -> Sale:
    back = tuple(Refund(at(when), total * 100) for when, total in refunds)
    return Sale(sale_id, at(day), yuan * 100, back)
