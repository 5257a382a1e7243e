"""What the programme owes in points, by when they lapse, and what will never be spent (L11).

Lots are taken as the journal had posted them by then: what was posted later is undone. Only sums
leave the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from services.points.domain.breakage import Age, Flow, ages, forecast
from services.points.domain.programme import Programme
from shared.db import Snapshot
from shared.errors.points import AsOfInFuture

PAST_YEARS = 3
"""Lots that have lapsed since so many years tell which part of the others will."""
_DECIMALS = 4


def liability(
    snapshot: Snapshot, *, programme: Programme, as_of: datetime | None
) -> Mapping[str, Any]:
    """Return the points outstanding at an instant, now unless it is given.

    Raises:
        AsOfInFuture: nobody knows yet.
    """
    at = snapshot.now if as_of is None else as_of
    if at > snapshot.now:
        raise AsOfInFuture
    values = {"as_of": at, "time_zone": programme.time_zone.key, "years": PAST_YEARS}
    with _time_for_reports(snapshot.connection):
        now = snapshot.connection.execute(_OUTSTANDING, values).all()
        past = snapshot.connection.execute(_FLOWS, values).all()
        lots = snapshot.connection.execute(_SETTLED, values).one()
    known = ages((Flow(*row) for row in past), lots.points)
    lasting: dict[date | None, dict[int, int]] = {}
    for row in now:
        if row.kind == "lots":
            lasting.setdefault(row.month, {})[row.age_months] = int(row.points)
    sums = {row.kind: int(row.points) for row in now if row.kind != "lots"}
    if sums["held"]:
        without_date = lasting.setdefault(None, {})
        without_date[-1] = without_date.get(-1, 0) + sums["held"]
    cost = programme.point_value_minor
    months = [
        _month(month, lasting[month], known, cost)
        for month in sorted(lasting, key=lambda month: month or date.max)
    ]
    outstanding = sum(month["points"] for month in months)
    return {
        "as_of": at,
        "outstanding": outstanding,
        "cost_minor": outstanding * cost,
        "forecast_breakage": sum(month["forecast_breakage"] for month in months),
        "by_month": months,
        "basis": {
            "cost_per_point_minor": cost,
            "currency": programme.currency,
            "held": sums["held"],
            "debt": sums["debt"],
            "past_years": PAST_YEARS,
            "past_lots": lots.lots,
            "past_points": int(lots.points),
            "by_age": [{**asdict(age), "share": _decimal(age)} for age in known],
        },
    }


def _month(
    month: date | None, by_age: Mapping[int, int], known: list[Age], cost: int
) -> dict[str, Any]:
    points = sum(by_age.values())
    lasts = {age: part for age, part in by_age.items() if month is not None}
    return {
        "month": month and f"{month:%Y-%m}",
        "points": points,
        "cost_minor": points * cost,
        "forecast_breakage": forecast(lasts, known),
    }


def _decimal(age: Age) -> str:
    scaled = age.share.numerator * 10**_DECIMALS // age.share.denominator
    return f"{scaled // 10**_DECIMALS}.{scaled % 10**_DECIMALS:0{_DECIMALS}}"


@contextmanager
def _time_for_reports(connection: sa.Connection) -> Iterator[None]:
    """Allow this session statements that read whole tables."""
    connection.execute(sa.text("SET statement_timeout = '55s'"))
    try:
        yield
    finally:
        connection.execute(sa.text("RESET statement_timeout"))


def _months(since: str, until: str) -> str:
    """Return SQL for the whole months between two instants, 0 if they are the wrong way round."""
    zone = "AT TIME ZONE :time_zone"
    lived = f"age({until} {zone}, {since} {zone})"
    whole = f"extract(year FROM {lived}) * 12 + extract(month FROM {lived})"
    return f"greatest(({whole})::integer, 0)"


# Constants of this code only. What was posted after the instant is taken off again; where that is
# now there is nothing to take off, and the journal need not be read.
_LATER = """
    SELECT e.member_id, e.lot_id, sum(e.points) AS points
    FROM transactions t JOIN lot_entries e USING (member_id, number)
    WHERE t.posted_at > :as_of GROUP BY e.member_id, e.lot_id
"""
_OUTSTANDING_SQL = f"""
WITH later AS ({_LATER}), left_then AS (
    SELECT l.expires_at, l.activated_at, l.remaining - coalesce(later.points, 0) AS points
    FROM lots l LEFT JOIN later USING (member_id, lot_id)
    WHERE l.expires_at IS NULL OR l.expires_at > :as_of
), moved AS (
    SELECT coalesce(sum(CASE WHEN p.credit = 'held' THEN p.points ELSE 0 END)
            - sum(CASE WHEN p.debit = 'held' THEN p.points ELSE 0 END), 0) AS held,
        coalesce(sum(CASE WHEN p.debit = 'debt' THEN p.points ELSE 0 END)
            - sum(CASE WHEN p.credit = 'debt' THEN p.points ELSE 0 END), 0) AS debt
    FROM transactions t JOIN postings p USING (member_id, number)
    WHERE t.posted_at > :as_of
)
SELECT 'lots' AS kind,
    date_trunc('month', (expires_at - interval '1 microsecond') AT TIME ZONE :time_zone)::date
        AS month,
    {_months("activated_at", "CAST(:as_of AS timestamptz)")} AS age_months,
    sum(points) AS points
FROM left_then WHERE points > 0 GROUP BY 2, 3
UNION ALL
SELECT 'held', NULL, NULL, (SELECT coalesce(sum(held), 0) FROM accounts) - moved.held FROM moved
UNION ALL
SELECT 'debt', NULL, NULL, (SELECT coalesce(sum(debt), 0) FROM accounts) - moved.debt FROM moved
"""  # noqa: S608
_OUTSTANDING = sa.text(_OUTSTANDING_SQL)
_PAST = "l.expires_at <= :as_of AND l.expires_at > :as_of - make_interval(years => :years)"
_AT = "CASE WHEN t.type = 'expire' THEN t.occurred_at ELSE t.posted_at END"
_FLOWS_SQL = f"""
SELECT {_months("l.activated_at", _AT)} AS age_months, sum(e.points)::bigint AS points,
    coalesce(sum(-e.points) FILTER (WHERE t.type = 'expire'), 0)::bigint AS lapsed
FROM lots l JOIN lot_entries e USING (member_id, lot_id)
JOIN transactions t ON t.member_id = e.member_id AND t.number = e.number
WHERE {_PAST} AND t.posted_at <= :as_of
GROUP BY 1 ORDER BY 1
"""  # noqa: S608
_FLOWS = sa.text(_FLOWS_SQL)
_SETTLED_SQL = f"""
SELECT count(*) AS lots, coalesce(sum(l.points), 0)::bigint AS points FROM lots l WHERE {_PAST}
"""  # noqa: S608
_SETTLED = sa.text(_SETTLED_SQL)
