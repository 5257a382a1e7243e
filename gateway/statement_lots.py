"""When the points of a statement's entry lapse, as a shopper reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

NO_END = "no end"
_INSTANT = timedelta(microseconds=1)


def points_by_last_day(item: Mapping[str, Any], zone: ZoneInfo) -> list[tuple[str, int]]:
    """Return what an entry gave to its lots (+) or took from them, by their last day (L3).

    Lots that can be used up to the same local day are one; `NO_END` stands for points that last.
    """
    found: Counter[str] = Counter()
    for lot in item["lots"]:
        found[_last_day(lot["expires_at"], zone)] += lot["points"]
    return list(found.items())


def _last_day(expires_at: str | None, zone: ZoneInfo) -> str:
    if expires_at is None:
        return NO_END
    # They lapse with the first instant of the day after (L4).
    last = datetime.fromisoformat(expires_at) - _INSTANT
    return last.astimezone(zone).date().isoformat()
