"""The proof that cache = sum of postings = sum of lots' remaining, per account (L2).

Accounts are judged some thousands at a time, each such slice by one statement, whose snapshot holds
every account of it still while sales go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.points.domain.ledger import EFFECTS
from shared.db import Snapshot
from shared.ids import NIL

SLICE = 2_000
MOST_DRIFT = 100
_FIGURES = tuple(dict.fromkeys(figure for figure, _ in EFFECTS.values()))


def verify(snapshot: Snapshot) -> Mapping[str, Any]:
    """Judge every account; return how many there were, and the first 100 differences."""
    checked, postings, drift = 0, 0, list[Mapping[str, Any]]()
    after: UUID | None = NIL
    while after is not None:
        rows = snapshot.connection.execute(_STATEMENT, {"after": after, "slice": SLICE}).all()
        checked += len(rows)
        postings += sum(row.postings for row in rows)
        drift += [difference for row in rows for difference in _differences(row)]
        after = rows[-1].member_id if len(rows) == SLICE else None
    return {
        "ok": not drift,
        "accounts_checked": checked,
        "postings_checked": postings,
        "drift": drift[:MOST_DRIFT],
    }


def _differences(row: Any) -> Iterator[Mapping[str, Any]]:
    pairs = [(figure, figure, f"posted_{figure}", "postings") for figure in _FIGURES]
    pairs += [
        ("available", "available", "in_lots", "lots"),
        ("pending", "pending", "in_pending_lots", "lots"),
        ("available", "available", "last_balance", "transactions"),
        ("last_number", "last_number", "transactions", "transactions"),
        ("lots", "wrong_lots", "none", "lot_entries"),
        ("entries", "wrong_points", "none", "postings"),
        ("entries", "wrong_entries", "none", "lot_entries"),
    ]
    for account, cached, computed, source in pairs:
        if getattr(row, cached) != getattr(row, computed):
            yield {
                "member_id": row.member_id,
                "account": account,
                "cached": getattr(row, cached),
                "computed": getattr(row, computed),
                "source": source,
            }


def _signed_sum(figure: str) -> str:
    """Return SQL for the sum of the postings that move a figure."""
    terms = []
    for account, (moved, sign) in EFFECTS.items():
        if moved == figure:
            terms.append(f"CASE credit WHEN '{account}' THEN {sign} ELSE 0 END")
            terms.append(f"CASE debit WHEN '{account}' THEN {-sign} ELSE 0 END")
    return f"coalesce(sum(points * ({' + '.join(terms)})), 0) AS posted_{figure}"


def _moved(account: str) -> str:
    """Return SQL for what postings put into an account."""
    return f"""sum(
        CASE WHEN credit = '{account}' THEN points WHEN debit = '{account}' THEN -points ELSE 0 END
    ) AS {account}"""


_SUMS = ", ".join(_signed_sum(figure) for figure in _FIGURES)
_POSTED = ", ".join(f"p.posted_{figure}" for figure in _FIGURES)
# Only names from this code's own tables go in.
_STATEMENT = sa.text(f"""
WITH slice AS (
    SELECT * FROM accounts WHERE member_id > :after ORDER BY member_id LIMIT :slice
)
SELECT a.*, {_POSTED}, p.postings, l.in_lots, l.in_pending_lots, l.wrong_lots, t.transactions,
    t.last_balance, t.wrong_points, t.wrong_entries, 0 AS none
FROM slice a
CROSS JOIN LATERAL (
    SELECT {_SUMS}, count(*) AS postings FROM postings WHERE member_id = a.member_id
) p
CROSS JOIN LATERAL (
    SELECT coalesce(sum(lot.remaining) FILTER (WHERE NOT lot.is_pending), 0) AS in_lots,
        coalesce(sum(lot.remaining) FILTER (WHERE lot.is_pending), 0) AS in_pending_lots,
        count(*) FILTER (WHERE lot.remaining <> entered.points) AS wrong_lots
    FROM lots lot
    LEFT JOIN (
        SELECT lot_id, sum(points) AS points FROM lot_entries
        WHERE member_id = a.member_id GROUP BY lot_id
    ) entered USING (lot_id)
    WHERE lot.member_id = a.member_id
) l
CROSS JOIN LATERAL (
    SELECT count(*) AS transactions,
        coalesce((array_agg(tx.balance_after ORDER BY tx.number DESC))[1], 0) AS last_balance,
        count(*) FILTER (WHERE tx.points <> moved.available) AS wrong_points,
        count(*) FILTER (
            WHERE moved.available + moved.pending <> coalesce(entered.points, 0)
        ) AS wrong_entries
    FROM transactions tx
    LEFT JOIN (
        SELECT number, {_moved("available")}, {_moved("pending")} FROM postings
        WHERE member_id = a.member_id GROUP BY number
    ) moved USING (number)
    LEFT JOIN (
        SELECT number, sum(points) AS points FROM lot_entries
        WHERE member_id = a.member_id GROUP BY number
    ) entered USING (number)
    WHERE tx.member_id = a.member_id
) t
ORDER BY a.member_id
""")  # noqa: S608
