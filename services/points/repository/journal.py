"""What one transaction is about to write: journal entries, lots and accounts, in memory.

All of it is written together, in one statement. What reads lots from the database writes first, so
that it sees them as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.points import tables
from services.points.domain import ledger
from services.points.domain.lots import Lot
from services.points.repository import bulk
from services.points.repository.accounts import Account
from shared.db import UnitOfWork
from shared.ids import new_id

_WRITE_ORDER = (
    tables.sales,
    tables.sale_lines,
    tables.transactions,
    tables.postings,
    tables.lots,
    tables.lot_entries,
    tables.returns,
    tables.sale_awards,
    tables.sale_usage,
    tables.activities,
    tables.holds,
    tables.adjustments,
    tables.transfers,
)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an entry is made: with its type this is the business key (L7)."""

    kind: str
    id: str
    occurred_at: datetime
    rule: str = ""
    reason_code: str | None = None
    explain: Sequence[Any] | None = None


@dataclass(slots=True)
class Journal:
    """Rows to be written at the end of a transaction, or before lots are read."""

    uow: UnitOfWork
    _inserts: dict[sa.Table, list[Row]] = field(default_factory=dict)
    _updates: dict[sa.Table, list[Row]] = field(default_factory=dict)
    _new_lots: dict[UUID, Row] = field(default_factory=dict)
    _lot_changes: dict[tuple[UUID, UUID], Row] = field(default_factory=dict)
    _touched: dict[UUID, Account] = field(default_factory=dict)

    def insert(self, table: sa.Table, rows: Iterable[Row]) -> None:
        """Add rows to what will be written."""
        self._inserts.setdefault(table, []).extend(rows)

    def update(self, table: sa.Table, rows: Iterable[Row]) -> None:
        """Add changes, by primary key, to what will be written; rows this did not insert."""
        self._updates.setdefault(table, []).extend(rows)

    def touch(self, account: Account) -> None:
        """Have an account's row written."""
        self._touched[account.member_id] = account

    def post(
        self,
        account: Account,
        kind: str,
        postings: Sequence[ledger.Posting],
        lot_parts: Sequence[tuple[UUID, int]],
        cause: Cause,
    ) -> UUID:
        """Append an entry and return its id; ``lot_parts`` is what its lots gain or lose."""
        before = account.figures
        account.figures = before.after(postings)
        account.last_number += 1
        moved = account.figures.in_lots - before.in_lots
        if moved != sum(change for _, change in lot_parts):
            raise ValueError(f"{kind} moves {moved} points, but its lots {lot_parts}")
        entry_id = new_id()
        self._append(account, postings, lot_parts)
        row = {
            "member_id": account.member_id,
            "number": account.last_number,
            "transaction_id": entry_id,
            "type": kind,
            "reference_kind": cause.kind,
            "reference_id": cause.id,
            "line_id": "",
            "rule": cause.rule,
            "points": account.figures.available - before.available,
            "balance_after": account.figures.available,
            "occurred_at": cause.occurred_at,
            "posted_at": self.uow.now,
            "reason_code": cause.reason_code,
            "actor": self.uow.actor.key,
            "request_id": self.uow.context.request_id,
            "explain": cause.explain,
        }
        self.insert(tables.transactions, [row])
        self.touch(account)
        return entry_id

    def add_lot(
        self,
        account: Account,
        lot: Lot,
        *,
        sale_id: str | None = None,
        origin: UUID | None = None,
        earned_at: datetime | None = None,
    ) -> None:
        """Add a lot that the account's last entry made."""
        row = {
            "member_id": account.member_id,
            "lot_id": lot.lot_id,
            "points": lot.points,
            "remaining": lot.points,
            "activated_at": lot.activated_at,
            "expires_at": lot.expires_at,
            "number": account.last_number,
            "sale_id": sale_id,
            "origin_lot_id": origin,
            "earned_at": earned_at,
            "is_pending": lot.is_pending,
        }
        self._new_lots[lot.lot_id] = row
        self.insert(tables.lots, [row])

    def change_lot(
        self, account: Account, lot_id: UUID, change: int, *, is_pending: bool = False
    ) -> None:
        """Change what remains of a lot, and say whether that is pending from now on."""
        new = self._new_lots.get(lot_id)
        if new is not None:
            new["remaining"] += change
            new["is_pending"] = is_pending
            return
        key = {"member_id": account.member_id, "lot_id": lot_id}
        row = self._lot_changes.setdefault((account.member_id, lot_id), {**key, "add_remaining": 0})
        row["add_remaining"] += change
        row["is_pending"] = is_pending

    def flush(self) -> None:
        """Write everything that is pending, in one statement."""
        inserts = {table: self._inserts.get(table, []) for table in _WRITE_ORDER}
        changed = [self._touched[member_id].row() for member_id in sorted(self._touched)]
        updates = {
            **self._updates,
            tables.lots: list(self._lot_changes.values()),
            tables.accounts: changed,
        }
        bulk.write(self.uow.connection, inserts, updates)
        self._updates.clear()
        self._inserts.clear()
        self._new_lots.clear()
        self._lot_changes.clear()
        self._touched.clear()

    def _append(
        self,
        account: Account,
        postings: Sequence[ledger.Posting],
        lot_parts: Sequence[tuple[UUID, int]],
    ) -> None:
        key = {"member_id": account.member_id, "number": account.last_number}
        self.insert(
            tables.postings,
            [
                {**key, "seq": seq, **bulk.columns_of(posting)}
                for seq, posting in enumerate(postings)
            ],
        )
        self.insert(
            tables.lot_entries,
            [
                {**key, "seq": seq, "lot_id": lot_id, "points": change}
                for seq, (lot_id, change) in enumerate(lot_parts)
            ],
        )
