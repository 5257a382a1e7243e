"""The book of one transaction: locked accounts, and the journal rows to be written at its end.

Entries are made in memory and written together. What reads lots from the database writes first what
is pending, so that it sees them as they are.
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
from services.points.domain.lots import Draw, draw
from services.points.repository import accounts, bulk
from services.points.repository.accounts import Account
from shared.contracts.points import events
from shared.db import UnitOfWork
from shared.ids import new_id

SALE, RETURN, CANCEL, LOT = "sale", "return", "cancel", "lot"
"""Kinds of references: what an entry was caused by."""

_WRITE_ORDER = (
    tables.sales,
    tables.sale_lines,
    tables.transactions,
    tables.postings,
    tables.lots,
    tables.lot_entries,
    tables.returns,
)


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
class Book:
    """Everything one transaction does to accounts goes through here."""

    uow: UnitOfWork
    _accounts: dict[UUID, Account] = field(default_factory=dict)
    _inserts: dict[sa.Table, list[dict[str, Any]]] = field(default_factory=dict)
    _new_lots: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    _lot_changes: dict[tuple[UUID, UUID], int] = field(default_factory=dict)
    _touched: set[UUID] = field(default_factory=set)
    _updates: dict[sa.Table, list[dict[str, Any]]] = field(default_factory=dict)

    def open(self, member_ids: Iterable[UUID]) -> None:
        """Lock the accounts of members in order (L8) and sweep their lapsed lots (L4)."""
        self._take(accounts.lock(self.uow.connection, member_ids))

    def open_lapsed(self, limit: int) -> int:
        """Lock and sweep some accounts that hold lapsed lots; return how many were found."""
        found = accounts.lock_lapsed(self.uow.connection, self.uow.now, limit)
        self._take(found)
        return len(found)

    def account(self, member_id: UUID) -> Account:
        """Return an account that has been opened."""
        return self._accounts[member_id]

    def insert(self, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows to what will be written."""
        self._inserts.setdefault(table, []).extend(rows)

    def update(self, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
        """Add changes, by primary key, to what will be written; rows this book did not insert."""
        self._updates.setdefault(table, []).extend(rows)

    def earn(
        self, member_id: UUID, points: int, cause: Cause, *, expires_at: datetime | None
    ) -> tuple[UUID, UUID]:
        """Credit points as a new lot; debt is repaid from it first (L3, L6).

        Returns the ids of the entry and of the lot.
        """
        account = self.account(member_id)
        lot_id = new_id()
        entry = self._post(account, "earn", ledger.earn(points), [(lot_id, points)], cause)
        self._add_lot(account, lot_id, points, expires_at, sale_id=cause.id)
        self._repay(account, lot_id, points, cause)
        if expires_at is not None and expires_at <= self.uow.now:
            self._expire(account, self._left(lot_id))
        return entry, lot_id

    def spend(self, member_id: UUID, points: int, cause: Cause) -> tuple[UUID, int]:
        """Spend available points from the lots that lapse first (L3).

        The caller has made sure that so many are available. Returns the entry's id and number.
        """
        account = self.account(member_id)
        drawn = self._draw(account, points)
        parts = [(lot.lot_id, -lot.points) for lot in drawn]
        entry = self._post(account, "redeem", ledger.redeem(points), parts, cause)
        return entry, account.last_number

    def claw(
        self, member_id: UUID, recovery: ledger.Recovery, cause: Cause, *, lot_id: UUID | None
    ) -> None:
        """Take points back: from the lot they came as, then from those that lapse first (S3)."""
        if not recovery.postings:
            return
        account = self.account(member_id)
        drawn = self._draw(account, recovery.taken, first=lot_id) if recovery.taken else []
        parts = [(lot.lot_id, -lot.points) for lot in drawn]
        self._post(account, "clawback", recovery.postings, parts, cause)

    def restore(self, member_id: UUID, going_home: Sequence[tuple[Draw, datetime | None]],
                cause: Cause) -> None:  # fmt: skip
        """Give spent points back, each to its lot, or to a new one where the expiry differs (S4).

        ``going_home`` pairs what a lot once gave with the expiry the points shall have now.
        """
        if not going_home:
            return
        account = self.account(member_id)
        targets = [
            (lot.lot_id if expires_at == lot.expires_at else new_id(), lot, expires_at)
            for lot, expires_at in going_home
        ]
        points = sum(lot.points for lot, _ in going_home)
        parts = [(lot_id, lot.points) for lot_id, lot, _ in targets]
        self._post(account, "restore", ledger.restore(points), parts, cause)
        for lot_id, lot, expires_at in targets:
            if lot_id == lot.lot_id:
                self._change_lot(account, lot_id, lot.points)
                self._note_lapse(account, expires_at)
            else:
                self._add_lot(account, lot_id, lot.points, expires_at, origin=lot.lot_id)

    def flush(self) -> None:
        """Write everything that is pending, in one statement."""
        inserts = {table: self._inserts.get(table, []) for table in _WRITE_ORDER}
        lots = [
            {"member_id": member_id, "lot_id": lot_id, "add_remaining": change}
            for (member_id, lot_id), change in self._lot_changes.items()
            if change
        ]
        changed = [self._accounts[member_id].row() for member_id in sorted(self._touched)]
        updates = {**self._updates, tables.lots: lots, tables.accounts: changed}
        bulk.write(self.uow.connection, inserts, updates)
        self._updates.clear()
        self._inserts.clear()
        self._new_lots.clear()
        self._lot_changes.clear()
        self._touched.clear()

    def _take(self, found: Sequence[Account]) -> None:
        self._accounts.update({account.member_id: account for account in found})
        now = self.uow.now
        due = [a.member_id for a in found if a.next_lapse_at is not None and a.next_lapse_at <= now]
        if not due:
            return
        for member_id, lot in accounts.lapsed_lots(self.uow.connection, due, now):
            self._expire(self.account(member_id), lot)
        following = accounts.next_lapses(self.uow.connection, due, now)
        for member_id in due:
            self.account(member_id).next_lapse_at = following.get(member_id)
            self._touched.add(member_id)

    def _post(
        self,
        account: Account,
        kind: str,
        postings: Sequence[ledger.Posting],
        lot_parts: Sequence[tuple[UUID, int]],
        cause: Cause,
    ) -> UUID:
        """Append an entry; its effect on ``available`` is what its lots gain."""
        before = account.figures
        account.figures = before.after(postings)
        account.last_number += 1
        key = {"member_id": account.member_id, "number": account.last_number}
        points = account.figures.available - before.available
        if points != sum(change for _, change in lot_parts):
            raise ValueError(f"{kind} moves {points} points, but its lots {lot_parts}")
        entry_id = new_id()
        row = {
            **key,
            "transaction_id": entry_id,
            "type": kind,
            "reference_kind": cause.kind,
            "reference_id": cause.id,
            "line_id": "",
            "rule": cause.rule,
            "points": points,
            "balance_after": account.figures.available,
            "occurred_at": cause.occurred_at,
            "posted_at": self.uow.now,
            "reason_code": cause.reason_code,
            "actor": self.uow.actor.key,
            "request_id": self.uow.context.request_id,
            "explain": cause.explain,
        }
        self.insert(tables.transactions, [row])
        self.insert(
            tables.postings,
            [
                {**key, "seq": seq, "debit": p.debit, "credit": p.credit, "points": p.points}
                for seq, p in enumerate(postings)
            ],
        )
        self.insert(
            tables.lot_entries,
            [
                {**key, "seq": seq, "lot_id": lot_id, "points": change}
                for seq, (lot_id, change) in enumerate(lot_parts)
            ],
        )
        self._touched.add(account.member_id)
        return entry_id

    def _repay(self, account: Account, lot_id: UUID, points: int, cause: Cause) -> None:
        repaid = min(points, account.figures.debt)
        if repaid:
            cause = Cause(cause.kind, cause.id, cause.occurred_at)
            self._post(account, "debt_repay", ledger.repay(repaid), [(lot_id, -repaid)], cause)
            self._change_lot(account, lot_id, -repaid)

    def _expire(self, account: Account, lot: Draw) -> None:
        """Let what is left of a lot lapse: once per lot, since it can never be filled again."""
        if not lot.points or lot.expires_at is None:
            return
        cause = Cause(LOT, str(lot.lot_id), lot.expires_at)
        parts = [(lot.lot_id, -lot.points)]
        entry = self._post(account, "expire", ledger.expire(lot.points), parts, cause)
        self._change_lot(account, lot.lot_id, -lot.points)
        self.uow.emit(
            events.EXPIRED,
            subject=account.member_id,
            occurred_at=lot.expires_at,
            data={
                "member_id": account.member_id,
                "transaction_id": entry,
                "points": lot.points,
                "expired_at": lot.expires_at,
            },
        )

    def _draw(self, account: Account, points: int, *, first: UUID | None = None) -> list[Draw]:
        self.flush()
        lots = accounts.spendable_lots(self.uow.connection, account.member_id, points, first)
        drawn = draw(lots, points)
        if sum(lot.points for lot in drawn) != points:
            raise RuntimeError(f"the lots of {account.member_id} hold less than its account")
        for lot in drawn:
            self._change_lot(account, lot.lot_id, -lot.points)
        return drawn

    def _add_lot(
        self,
        account: Account,
        lot_id: UUID,
        points: int,
        expires_at: datetime | None,
        *,
        sale_id: str | None = None,
        origin: UUID | None = None,
    ) -> None:
        row = {
            "member_id": account.member_id,
            "lot_id": lot_id,
            "points": points,
            "remaining": points,
            "activated_at": self.uow.now,
            "expires_at": expires_at,
            "number": account.last_number,
            "sale_id": sale_id,
            "origin_lot_id": origin,
        }
        self._new_lots[lot_id] = row
        self.insert(tables.lots, [row])
        self._note_lapse(account, expires_at)

    def _change_lot(self, account: Account, lot_id: UUID, change: int) -> None:
        new = self._new_lots.get(lot_id)
        if new is not None:
            new["remaining"] += change
            return
        key = (account.member_id, lot_id)
        self._lot_changes[key] = self._lot_changes.get(key, 0) + change

    def _left(self, lot_id: UUID) -> Draw:
        row = self._new_lots[lot_id]
        return Draw(lot_id, row["remaining"], row["expires_at"])

    def _note_lapse(self, account: Account, expires_at: datetime | None) -> None:
        if expires_at is not None:
            known = account.next_lapse_at
            account.next_lapse_at = expires_at if known is None else min(known, expires_at)
