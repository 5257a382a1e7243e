"""A monthly statement as CSV, piece by piece (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.statement_lots import points_by_last_day

HEADER = (
    "date", "time", "type", "points", "balance_after", "reason_code", "reference_kind",
    "reference_id", "transaction_id", "lots",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def pieces(pages: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the statement's lines, a page at a time: a first, the entries, what they come to.

    ``lots`` says until when the points can be used that an entry gave (+) or took.
    Numbers stand as they are. Text that a spreadsheet would take for a formula gets an apostrophe.
    """
    head: Mapping[str, Any] = {}
    for page in pages:
        rows: list[Sequence[object]] = []
        if not head:
            rows = [HEADER, _line("opening_balance", balance=page["opening_balance"])]
        head = page
        zone = ZoneInfo(page["time_zone"])
        yield _text([*rows, *(_entry(item, zone) for item in page["items"])])
    closing = [_line("closing_balance", balance=head["closing_balance"])]
    closing += [
        _line("lapses_next", day=part["expires_on"], points=part["points"])
        for part in head["lapses_next"]
    ]
    yield _text(closing)


def _line(
    kind: str, *, day: str = "", points: int | str = "", balance: int | str = ""
) -> Sequence[object]:
    return (day, "", kind, points, balance, "", "", "", "", "")


def _entry(item: Mapping[str, Any], zone: ZoneInfo) -> Sequence[object]:
    posted = datetime.fromisoformat(item["posted_at"]).astimezone(zone)
    reference = item["reference"]
    return (
        posted.date().isoformat(),
        f"{posted:%H:%M:%S}",
        item["type"],
        item["points"],
        item["balance_after"],
        item["reason_code"] or "",
        reference["kind"],
        reference["id"],
        item["id"],
        "; ".join(f"{day}: {points:+}" for day, points in points_by_last_day(item, zone)),
    )


def _text(rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([_safe(cell) for cell in row] for row in rows)
    return out.getvalue()


def _safe(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell
