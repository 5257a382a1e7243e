"""The proof that cache = sum of postings = sum of lots' remaining, per account (L2).

Accounts are judged some thousands at a time, each such slice by one statement, whose snapshot holds
every account of it still while sales go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.points.domain.ledger import EFFECTS
from shared.db import Snapshot
from shared.ids import NIL

SLICE = 2_000
MOST_DRIFT = 100
FIGURES = tuple(dict.fromkeys(figure for figure, _ in EFFECTS.values()))
"""What accounts cache of their postings."""
Difference = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """Some accounts, judged."""

    accounts: int
    postings: int
    drift: tuple[Difference, ...]
    last: UUID | None
    """The last of them; None when no account follows."""


def verify(snapshot: Snapshot) -> Mapping[str, Any]:
    """Judge every account; return how many there were, and the first 100 differences."""
    checked, postings, drift = 0, 0, list[Difference]()
    is_ok, after = True, NIL
    while True:
        part = check_after(snapshot.connection, after)
        checked += part.accounts
        postings += part.postings
        is_ok = is_ok and not part.drift
        drift += part.drift[: MOST_DRIFT - len(drift)]
        if part.last is None:
            break
        after = part.last
    return {
        "ok": is_ok,
        "accounts_checked": checked,
        "postings_checked": postings,
        "drift": drift,
    }


def check_after(connection: sa.Connection, after: UUID, accounts: int = SLICE) -> Checked:
    """Judge the next accounts in the order of their members' ids."""
    rows = connection.execute(_NEXT, {"after": after, "slice": accounts}).all()
    return _checked(rows, rows[-1].member_id if len(rows) == accounts else None)


def check(connection: sa.Connection, members: Sequence[UUID]) -> Checked:
    """Judge the accounts of some members."""
    return _checked(connection.execute(_THESE, {"members": list(members)}).all(), None)


def _checked(rows: Sequence[Any], last: UUID | None) -> Checked:
    return Checked(
        accounts=len(rows),
        postings=sum(row.postings for row in rows),
        drift=tuple(difference for row in rows for difference in _differences(row)),
        last=last,
    )


def _differences(row: Any) -> Iterator[Difference]:
    pairs = [(figure, figure, f"posted_{figure}", "postings") for figure in FIGURES]
    pairs += [
        ("available", "available", "in_lots", "lots"),
        ("pending", "pending", "in_pending_lots", "lots"),
        ("held", "held", "in_holds", "holds"),
        ("available", "available", "last_balance", "transactions"),
        ("last_number", "last_number", "transactions", "transactions"),
        ("lots", "wrong_lots", "none", "lot_entries"),
        ("next_lapse_at", "late_lots", "none", "lots"),
        ("entries", "wrong_points", "none", "postings"),
        ("entries", "wrong_entries", "none", "lot_entries"),
        ("transferred", "one_sided", "none", "postings"),
        ("merged_into", "left_behind", "none", "accounts"),
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


SUMS = ", ".join(_signed_sum(figure) for figure in FIGURES)
_POSTED = ", ".join(f"p.posted_{figure}" for figure in FIGURES)
# Only names from this code's own tables go in.
_SQL = f"""
SELECT a.*, {_POSTED}, p.postings, l.in_lots, l.in_pending_lots, l.wrong_lots, l.late_lots,
    h.in_holds, t.transactions, t.last_balance, t.wrong_points, t.wrong_entries, o.one_sided,
    CASE WHEN a.merged_into IS NULL THEN 0 ELSE a.available + a.pending + a.held + a.debt END
        AS left_behind,
    0 AS none
FROM slice a
CROSS JOIN LATERAL (
    SELECT {SUMS}, count(*) AS postings FROM postings WHERE member_id = a.member_id
) p
CROSS JOIN LATERAL (
    SELECT coalesce(sum(lot.remaining) FILTER (WHERE NOT lot.is_pending), 0) AS in_lots,
        coalesce(sum(lot.remaining) FILTER (WHERE lot.is_pending), 0) AS in_pending_lots,
        count(*) FILTER (WHERE lot.remaining <> coalesce(entered.points, 0)) AS wrong_lots,
        count(*) FILTER (
            WHERE lot.remaining > 0 AND least(
                lot.expires_at, CASE WHEN lot.is_pending THEN lot.activated_at END
            ) < coalesce(a.next_lapse_at, 'infinity')
        ) AS late_lots
    FROM lots lot
    LEFT JOIN (
        SELECT lot_id, sum(points) AS points FROM lot_entries
        WHERE member_id = a.member_id GROUP BY lot_id
    ) entered USING (lot_id)
    WHERE lot.member_id = a.member_id
) l
CROSS JOIN LATERAL (
    SELECT coalesce(sum(points), 0) AS in_holds FROM holds
    WHERE member_id = a.member_id AND status = 'held'
) h
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
CROSS JOIN LATERAL (
    -- What one member gave, by transfer or by merge, another one got: both say the same.
    SELECT count(*) AS one_sided
    FROM transactions tx
    CROSS JOIN LATERAL (
        SELECT counterparty_id, {_moved("transferred")} FROM postings
        WHERE member_id = tx.member_id AND number = tx.number AND counterparty_id IS NOT NULL
        GROUP BY counterparty_id
    ) mine
    LEFT JOIN transactions other ON other.reference_id = tx.reference_id
        AND other.reference_kind = tx.reference_kind AND other.rule = tx.rule
        AND other.line_id = tx.line_id AND other.member_id = mine.counterparty_id
        AND other.type = CASE tx.type
            WHEN 'transfer_in' THEN 'transfer_out' ELSE 'transfer_in' END
    LEFT JOIN LATERAL (
        SELECT {_moved("transferred")} FROM postings
        WHERE member_id = other.member_id AND number = other.number
    ) theirs ON true
    WHERE tx.member_id = a.member_id AND tx.type IN ('transfer_in', 'transfer_out')
        AND mine.transferred <> -coalesce(theirs.transferred, 0)
) o
ORDER BY a.member_id
"""  # noqa: S608
_SOME = "SELECT * FROM accounts WHERE member_id > :after ORDER BY member_id LIMIT :slice"
_NEXT = sa.text(f"WITH slice AS ({_SOME}) {_SQL}")
_GIVEN = "SELECT * FROM accounts WHERE member_id = ANY (:members)"
_THESE = sa.text(f"WITH slice AS ({_GIVEN}) {_SQL}").bindparams(
    sa.bindparam("members", type_=ARRAY(sa.Uuid(as_uuid=True)))
)
