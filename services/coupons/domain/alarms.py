"""When a limit is nearly used up (C6)."""

from __future__ import annotations

ALARM_PERCENTS = (80, 95)


def alarms(before: int, after: int, limit: int) -> tuple[int, ...]:
    """Return the percentages of the limit that were reached by going from before to after."""
    return tuple(
        percent for percent in ALARM_PERCENTS if before * 100 < limit * percent <= after * 100
    )
