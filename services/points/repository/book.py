"""The book of one transaction: locked accounts, and all that is done to them.

What is done is written together at the end, by the journal underneath.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.points.domain import ledger
from services.points.domain.ledger import PENDING
from services.points.domain.lots import Draw, Lot, draw
from services.points.domain.programme import Programme
from services.points.repository import accounts, expiry_terms
from services.points.repository.accounts import Account
from services.points.repository.journal import Cause, Journal
from shared.contracts.points import events
from shared.db import UnitOfWork
from shared.ids import new_id

__all__ = ["ACTIVITY", "CANCEL", "LOT", "RETURN", "SALE", "Book", "Cause"]

SALE, RETURN, CANCEL, LOT = "sale", "return", "cancel", "lot"
ACTIVITY = "activity"
"""Kinds of references: what an entry was caused by."""


@dataclass(slots=True)
class Book:
    """Everything one transaction does to accounts goes through here."""

    uow: UnitOfWork
    rules_token: UUID | None = None
    """Names the state of the published earning rules when the accounts were opened."""
    expiry_token: UUID | None = None
    """Likewise how long points last by then (L12)."""
    _accounts: dict[UUID, Account] = field(default_factory=dict)
    _journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing to write."""
        self._journal = Journal(self.uow)

    def open(self, member_ids: Iterable[UUID]) -> None:
        """Lock the accounts of members in order (L8) and do what is due on them (L4, E5)."""
        found = accounts.lock(self.uow.connection, member_ids)
        if found:
            self.rules_token = found[0].rules_token
            self.expiry_token = found[0].expiry_token
        self._take(found)

    def open_due(self, limit: int) -> int:
        """Lock some accounts on which something is due and do it; return how many there were."""
        found = accounts.lock_due(self.uow.connection, self.uow.now, limit)
        self._take(found)
        return len(found)

    def account(self, member_id: UUID) -> Account:
        """Return an account that has been opened."""
        return self._accounts[member_id]

    def insert(self, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows to what will be written."""
        self._journal.insert(table, rows)

    def update(self, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
        """Add changes, by primary key, to what will be written; rows this book did not insert."""
        self._journal.update(table, rows)

    def flush(self) -> None:
        """Write everything that is pending, in one statement."""
        self._journal.flush()

    def earn(
        self,
        member_id: UUID,
        points: int,
        cause: Cause,
        *,
        expires_at: datetime | None,
        activates_at: datetime | None = None,
        earned_at: datetime | None = None,
    ) -> tuple[UUID, UUID]:
        """Credit points as a new lot; debt is repaid from it first (L3, L6).

        Until ``activates_at`` the points are pending (E5), and debt waits for them; an instant that
        is past counts as now. ``earned_at`` is given where the programme's own terms made
        ``expires_at`` of it: changes of these terms will hold for the lot (L12). Returns the ids of
        the entry and of the lot.
        """
        account, now = self.account(member_id), self.uow.now
        is_pending = activates_at is not None and activates_at > now
        since = activates_at if is_pending and activates_at is not None else now
        lot = Lot(new_id(), points, since, expires_at, is_pending=is_pending)
        postings = ledger.earn(points, PENDING if is_pending else ledger.AVAILABLE)
        entry = self._journal.post(account, "earn", postings, [(lot.lot_id, points)], cause)
        sale_id = cause.id if cause.kind == SALE else None
        self._journal.add_lot(account, lot, sale_id=sale_id, earned_at=earned_at)
        if not is_pending:
            lot = self._repay(account, lot, cause)
        if expires_at is not None and expires_at <= now:
            self._expire(account, lot)
        else:
            account.note_due(expires_at)
            account.note_due(since if is_pending else None)
        return entry, lot.lot_id

    def spend(
        self, member_id: UUID, points: int, cause: Cause, *, on_credit: int = 0
    ) -> tuple[UUID, int]:
        """Spend available points from the lots that lapse first (L3).

        ``on_credit`` of them are owed from now on, as an offline allowance promised (S5). The
        caller has made sure that the others are available. Returns the entry's id and number.
        """
        account, drawn = self.account(member_id), points - on_credit
        parts = _taken(self._draw(account, drawn)) if drawn else []
        postings = ledger.redeem(drawn, on_credit)
        entry = self._journal.post(account, "redeem", postings, parts, cause)
        return entry, account.last_number

    def claw(
        self,
        member_id: UUID,
        points: int,
        cause: Cause,
        *,
        lots: Sequence[UUID],
        programme: Programme,
    ) -> ledger.Recovery:
        """Take back ``points`` that came as ``lots``, as far as the programme goes (S3).

        First what is pending of them, then what is left of them, then the lots that lapse first,
        then as debt; the rest is journalled as uncollected. Returns how it was met.
        """
        account = self.account(member_id)
        own = self._lots(account, lots) if points and lots else []
        pending = [Draw(lot.lot_id, lot.points, lot.expires_at) for lot in own if lot.is_pending]
        recovery = ledger.recover(
            points,
            account.figures,
            sum(part.points for part in pending),
            programme.recovery,
            programme.debt_limit,
        )
        if not recovery.postings:
            return recovery
        waiting = draw(pending, recovery.pending)
        for part in waiting:
            self._journal.change_lot(account, part.lot_id, -part.points, is_pending=True)
        first = [Draw(lot.lot_id, lot.points, lot.expires_at) for lot in own if not lot.is_pending]
        taken = self._draw(account, recovery.available, first=first)
        parts = _taken([*waiting, *taken])
        self._journal.post(account, "clawback", recovery.postings, parts, cause)
        return recovery

    def restore(
        self,
        member_id: UUID,
        going_home: Sequence[tuple[Draw, datetime | None]],
        cause: Cause,
        *,
        on_credit: int = 0,
        reinstated_until: datetime | None = None,
    ) -> None:
        """Give spent points back, each to its lot, or to a new one where the expiry differs (S4).

        ``going_home`` pairs what a lot once gave with the expiry the points shall have now.
        ``on_credit`` more were owed (S5): debt is forgiven, and as far as it has been repaid since,
        they become a lot until ``reinstated_until``.
        """
        account = self.account(member_id)
        forgiven = min(on_credit, account.figures.debt)
        fresh = Lot(new_id(), on_credit - forgiven, self.uow.now, reinstated_until)
        targets = [
            (lot.lot_id if expires_at == lot.expires_at else new_id(), lot, expires_at)
            for lot, expires_at in going_home
        ]
        parts = [(lot_id, lot.points) for lot_id, lot, _ in targets]
        if fresh.points:
            parts.append((fresh.lot_id, fresh.points))
        postings = ledger.restore(sum(points for _, points in parts), forgiven)
        if not postings:
            return
        self._journal.post(account, "restore", postings, parts, cause)
        if fresh.points:
            self._journal.add_lot(account, fresh)
            account.note_due(reinstated_until)
        for lot_id, lot, expires_at in targets:
            if lot_id == lot.lot_id:
                self._journal.change_lot(account, lot_id, lot.points)
            else:
                reinstated = Lot(lot_id, lot.points, self.uow.now, expires_at)
                self._journal.add_lot(account, reinstated, origin=lot.lot_id)
            account.note_due(expires_at)

    def _take(self, found: Sequence[Account]) -> None:
        self._accounts.update({account.member_id: account for account in found})
        now = self.uow.now
        due = [a for a in found if a.next_lapse_at is not None and a.next_lapse_at <= now]
        if not due:
            return
        expiry_terms.catch_up(self.uow.connection, [account.member_id for account in due])
        lots = accounts.due_lots(self.uow.connection, due, now)
        following = accounts.next_due(self.uow.connection, due, now)
        for account in due:
            account.next_lapse_at = following.get(account.member_id)
            self._journal.touch(account)
            self._catch_up(account, lots.get(account.member_id, []))

    def _catch_up(self, account: Account, lots: Sequence[Lot]) -> None:
        """Write what is due, as `services.points.domain.due` reads it: activations, then lapses."""
        now, left = self.uow.now, {lot.lot_id: lot for lot in lots}
        freed = [lot for lot in lots if lot.is_pending and lot.activated_at <= now]
        for lot in sorted(freed, key=lambda lot: lot.activated_at):
            if lot.expires_at is None or lot.activated_at < lot.expires_at:
                left[lot.lot_id] = self._activate(account, lot)
        for lot in left.values():
            if lot.expires_at is not None and lot.expires_at <= now:
                self._expire(account, lot)

    def _activate(self, account: Account, lot: Lot) -> Lot:
        """Make a pending lot available, once: nothing makes it pending again (E5)."""
        cause = Cause(LOT, str(lot.lot_id), lot.activated_at)
        self._journal.post(account, "activate", ledger.free(lot.points, PENDING), [], cause)
        self._journal.change_lot(account, lot.lot_id, 0)
        return self._repay(account, replace(lot, is_pending=False), cause)

    def _repay(self, account: Account, lot: Lot, cause: Cause) -> Lot:
        """Pay debt from a lot and return what is left of it (L6)."""
        repaid = min(lot.points, account.figures.debt)
        if not repaid:
            return lot
        because = Cause(cause.kind, cause.id, cause.occurred_at, cause.rule)
        parts = [(lot.lot_id, -repaid)]
        self._journal.post(account, "debt_repay", ledger.repay(repaid), parts, because)
        self._journal.change_lot(account, lot.lot_id, -repaid)
        return replace(lot, points=lot.points - repaid)

    def _expire(self, account: Account, lot: Lot) -> None:
        """Let what is left of a lot lapse: once per lot, since it can never be filled again."""
        if not lot.points or lot.expires_at is None:
            return
        cause = Cause(LOT, str(lot.lot_id), lot.expires_at)
        parts = [(lot.lot_id, -lot.points)]
        postings = ledger.expire(lot.points, PENDING if lot.is_pending else ledger.AVAILABLE)
        entry = self._journal.post(account, "expire", postings, parts, cause)
        self._journal.change_lot(account, lot.lot_id, -lot.points, is_pending=lot.is_pending)
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

    def _lots(self, account: Account, lot_ids: Sequence[UUID]) -> list[Lot]:
        """Return what is left of some of the member's lots, in the order of spending."""
        self.flush()
        return accounts.some_lots(self.uow.connection, account.member_id, lot_ids)

    def _draw(self, account: Account, points: int, *, first: Sequence[Draw] = ()) -> list[Draw]:
        """Take available points from the lots given, then from those that lapse first."""
        drawn = draw(first, points)
        rest = points - sum(lot.points for lot in drawn)
        if rest:
            self.flush()
            known = [lot.lot_id for lot in first]
            lots = accounts.spendable_lots(self.uow.connection, account.member_id, rest, known)
            drawn += draw(lots, rest)
        if sum(lot.points for lot in drawn) != points:
            raise RuntimeError(f"the lots of {account.member_id} hold less than its account")
        for lot in drawn:
            self._journal.change_lot(account, lot.lot_id, -lot.points)
        return drawn


def _taken(drawn: Iterable[Draw]) -> list[tuple[UUID, int]]:
    return [(lot.lot_id, -lot.points) for lot in drawn]
