"""Pages of lists: one row more is read than is shown, and tells whether there is more (A4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

Row = TypeVar("Row")


def page(
    rows: Sequence[Row], limit: int, *, key: str, view: Callable[[Row], Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the first ``limit`` rows as ``view`` shows them, and where to go on after them.

    Args:
        rows: Up to ``limit`` + 1, in order.
        limit: How many to show; at least 1.
        key: The attribute that the list is ordered by.
        view: Makes an item of a row.
    """
    shown = rows[:limit]
    last = getattr(shown[-1], key) if len(rows) > limit else None
    following = None if last is None else {key: str(last) if isinstance(last, UUID) else last}
    return {"items": [view(row) for row in shown], "next": following}
