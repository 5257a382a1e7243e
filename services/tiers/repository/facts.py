"""What sales contribute, each on its own date, and what came back of them (T1, T2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.tiers import tables
from services.tiers.domain.progress import Refund, Sale

BEYOND = datetime(2200, 1, 1, tzinfo=UTC)
"""After all sales."""

_WORTH = {
    # As `domain.progress.worth` has it: whole points of each sale, spend, or one order.
    "qualifying_points": "{kept} / 100",
    "spend": "{kept}",
    "orders": "least({kept}, 1)",
}


def _worth(metric: str, kept: str) -> str:
    return _WORTH[metric].format(kept=kept)


_ADD = {
    metric: sa.text(
        "WITH added AS ("  # noqa: S608 - no part of it comes from outside
        " INSERT INTO contributions (sale_id, member_id, occurred_at, payable_minor,"
        " refunded_minor) VALUES (:sale_id, :member_id, :occurred_at, :payable_minor, 0)"
        " ON CONFLICT DO NOTHING RETURNING 1)"
        " SELECT (SELECT count(*) FROM added) AS added,"
        f" (SELECT coalesce(sum({_worth(metric, 'payable_minor')}), 0)::bigint"
        " FROM contributions WHERE member_id = :member_id AND occurred_at > :after) AS gross"
    )
    for metric in _WORTH
}


def add_sale(
    connection: sa.Connection, member_id: UUID, sale: Sale, *, metric: str, after: datetime
) -> tuple[bool, int]:
    """Insert what a sale contributes; tell whether it is new, and what others count for.

    The number is an upper bound: sales later than ``after`` as if nothing had come back.
    """
    row = connection.execute(
        _ADD[metric],
        {
            "sale_id": sale.sale_id,
            "member_id": member_id,
            "occurred_at": sale.occurred_at,
            "payable_minor": sale.payable_minor,
            "after": after,
        },
    ).one()
    return bool(row.added), row.gross


def add_refund(connection: sa.Connection, sale_id: str, return_id: str, refund: Refund) -> bool:
    """Note what came back of a sale; return False if that is known.

    The sale keeps the largest total, whatever the order.
    """
    row = {
        "sale_id": sale_id,
        "return_id": return_id,
        "occurred_at": refund.occurred_at,
        "refunded_total_minor": refund.refunded_total_minor,
    }
    added = connection.execute(insert(tables.refunds).values(row).on_conflict_do_nothing())
    table, total = tables.sales, refund.refunded_total_minor
    connection.execute(
        sa.update(table)
        .where(table.c.sale_id == sale_id, table.c.refunded_minor < total)
        .values(refunded_minor=total)
    )
    return bool(added.rowcount)


def sales_of(connection: sa.Connection, member_id: UUID) -> list[Sale]:
    """Return all of a member's sales, with what came back of them."""
    sale, refund = tables.sales, tables.refunds
    mine = sale.c.member_id == member_id
    back: defaultdict[str, list[Refund]] = defaultdict(list)
    for row in connection.execute(
        sa.select(refund).join(sale, sale.c.sale_id == refund.c.sale_id).where(mine)
    ):
        back[row.sale_id].append(Refund(row.occurred_at, row.refunded_total_minor))
    shown = sa.select(sale.c.sale_id, sale.c.occurred_at, sale.c.payable_minor).where(mine)
    return [Sale(*row, tuple(back[row.sale_id])) for row in connection.execute(shown)]


class Span(NamedTuple):
    """Whose sales to count: later than ``after`` and before ``before``."""

    member_id: UUID | str
    after: datetime
    before: datetime


# Most sales keep all: only for the others is it looked up what was back by then.
_BACK = (
    "CASE WHEN c.refunded_minor > 0 THEN coalesce((SELECT max(f.refunded_total_minor)"
    " FROM refunds f WHERE f.sale_id = c.sale_id AND f.occurred_at < q.before), 0) ELSE 0 END"
)
_COUNT = {
    # A subquery for each span: whatever the planner thinks of their number, it reads an index.
    metric: sa.text(
        "SELECT q.place, (SELECT coalesce(sum("  # noqa: S608 - no part of it comes from outside
        + _worth(metric, f"greatest(c.payable_minor - {_BACK}, 0)")
        + "), 0)::bigint FROM contributions c"
        " WHERE c.member_id = q.member_id"
        " AND c.occurred_at > q.after AND c.occurred_at < q.before) AS have"
        " FROM unnest(CAST(:members AS uuid[]), CAST(:afters AS timestamptz[]),"
        " CAST(:befores AS timestamptz[])) WITH ORDINALITY AS q (member_id, after, before, place)"
    )
    for metric in _WORTH
}


def counts(connection: sa.Connection, metric: str, spans: Sequence[Span]) -> list[int]:
    """Return what counts in each span, as it was at the span's end."""
    if not spans:
        return []
    rows: Mapping[str, Any] = {
        "members": [str(span.member_id) for span in spans],
        "afters": [span.after for span in spans],
        "befores": [span.before for span in spans],
    }
    found = connection.execute(_COUNT[metric], rows)
    by_place = {row.place: row.have for row in found}
    return [by_place[place] for place in range(1, len(spans) + 1)]


def is_cancelled(connection: sa.Connection, sale_id: str) -> bool:
    """Whether a sale is known to have been undone as a whole."""
    refund = tables.refunds
    statement = sa.select(sa.literal(1)).where(
        refund.c.sale_id == sale_id, refund.c.return_id == CANCEL
    )
    return connection.execute(statement).first() is not None


CANCEL = ""
"""Stands for the return id of a cancel: the return that ends all."""
BEFORE_CLAIM = "@claim"
"""Stands for all returns before a claim; callers' ids begin with a letter or digit."""
