"""SQL for values as events have them on the wire."""

from __future__ import annotations


def instant(column: str) -> str:
    """Return SQL for what `shared.clock.rfc3339` makes of an instant."""
    utc = f"{column} AT TIME ZONE 'UTC'"
    seconds = f"to_char({utc}, 'YYYY-MM-DD\"T\"HH24:MI:SS')"
    is_whole = f"date_trunc('second', {column}) = {column}"
    return f"{seconds} || CASE WHEN {is_whole} THEN '' ELSE to_char({utc}, '.US') END || 'Z'"
