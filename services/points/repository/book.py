"""The book of one transaction: locked accounts, and all that is done to them.

What is done is written together at the end, by the journal underneath.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.points.domain import ledger
from services.points.domain.ledger import PENDING
from services.points.domain.lots import Draw, Lot, draw
from services.points.domain.programme import Programme
from services.points.repository import accounts, due, expiry_terms, holds
from services.points.repository.accounts import Account
from services.points.repository.due import HOLD, LOT
from services.points.repository.holds import Hold
from services.points.repository.journal import Cause, Journal
from services.points.repository.merging import MERGE, UNMERGE, Exchange, became
from shared.db import UnitOfWork
from shared.ids import new_id

__all__ = [
    "ACTIVITY",
    "ADJUSTMENT",
    "CANCEL",
    "ERASURE",
    "HOLD",
    "LOT",
    "RETURN",
    "SALE",
    "TRANSFER",
    "Book",
    "Cause",
]

SALE, RETURN, CANCEL = "sale", "return", "cancel"
ACTIVITY, ADJUSTMENT, TRANSFER = "activity", "adjustment", "transfer"
ERASURE = "erasure"
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
        """Lock the accounts of members in order (L8) and do what is due on them (L4, E5).

        Where members were merged, the survivors' accounts are opened, too (M3). They are locked
        last, since only the lock on an account tells where it went: who locks a survivor and then
        the source, as a merge does, is told to start over if the two wait for each other.
        """
        found = accounts.lock(self.uow.connection, member_ids)
        if found:
            self.rules_token = found[0].rules_token
            self.expiry_token = found[0].expiry_token
        self._take(found)
        gone_to = {account.merged_into for account in found} - {None, *self._accounts}
        if gone_to:
            self.open(each for each in gone_to if each is not None)

    def open_due(self, limit: int) -> int:
        """Lock some accounts on which something is due and do it; return how many there were."""
        found = accounts.lock_due(self.uow.connection, self.uow.now, limit)
        self._take(found)
        return len(found)

    def account(self, member_id: UUID) -> Account:
        """Return an account that has been opened; a merged member's is the survivor's (M3)."""
        return self._accounts[self.way(member_id)[-1]]

    def is_open(self, member_id: UUID) -> bool:
        """Return whether a member's account has been opened."""
        return member_id in self._accounts

    def owner(self, member_id: UUID) -> UUID:
        """Return who a member with an opened account is by now (M3)."""
        return self.way(member_id)[-1]

    def way(self, member_id: UUID) -> list[UUID]:
        """Return a member with an opened account, whom it was merged into, and so on (M3)."""
        way, account = [member_id], self._accounts[member_id]
        while account.merged_into is not None:
            account = self._accounts[account.merged_into]
            way.append(account.member_id)
        return way

    def merge(self, source_id: UUID, survivor_id: UUID, merge_id: UUID) -> None:
        """Give all that one opened account has to another (M3)."""
        source, survivor = self._accounts[source_id], self._accounts[survivor_id]
        self.flush()
        cause = Cause(MERGE, str(merge_id), self.uow.now)
        Exchange(self._journal, source, survivor, cause).merge()

    def unmerge(self, source_id: UUID, survivor_id: UUID, merge_id: UUID) -> None:
        """Give back what is left of what came with a merge (M3)."""
        source, survivor = self._accounts[source_id], self._accounts[survivor_id]
        self.flush()
        cause = Cause(UNMERGE, str(merge_id), self.uow.now)
        Exchange(self._journal, survivor, source, cause).unmerge()

    def spendable(self, member_id: UUID, points: int) -> list[Draw]:
        """Return the lots of an opened account that hold its next ``points`` (L3)."""
        self.flush()
        return accounts.spendable_lots(self.uow.connection, self.owner(member_id), points)

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
        self._settle(account, lot, cause)
        return entry, lot.lot_id

    def spend(
        self, member_id: UUID, points: int, cause: Cause, *, on_credit: int = 0
    ) -> tuple[UUID, int]:
        """Spend available points from the lots that lapse first (L3).

        ``on_credit`` of them are owed from now on, as an offline allowance promised (S5). The
        caller has made sure that the others are available. Returns the entry's id and number.
        """
        account, drawn = self.account(member_id), points - on_credit
        parts = due.taken(self._draw(account, drawn)) if drawn else []
        postings = ledger.redeem(drawn, on_credit)
        entry = self._journal.post(account, "redeem", postings, parts, cause)
        return entry, account.last_number

    def hold(
        self, member_id: UUID, points: int, cause: Cause, *, until: datetime
    ) -> tuple[UUID, int]:
        """Set available points aside from the lots that lapse first (L5).

        The caller has made sure that so many are available, and inserts the hold. Returns the
        entry's id and number.
        """
        account = self.account(member_id)
        parts = due.taken(self._draw(account, points))
        entry = self._journal.post(account, "hold", ledger.hold(points), parts, cause)
        account.note_due(until)
        return entry, account.last_number

    def end_hold(self, hold: Hold, end: due.End) -> None:
        """Capture or release a hold that has not ended; see `due.end_hold` (L5)."""
        drawn = holds.drawn_by(self.uow.connection, [hold])[hold.hold_id]
        due.end_hold(self._journal, self.account(hold.member_id), (hold, drawn), end)

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
        own = self._lots(account, self._became(member_id, lots)) if points and lots else []
        pending = [Draw(lot.lot_id, lot.points, lot.expires_at) for lot in own if lot.is_pending]
        is_over = account.status == accounts.ERASED  # nobody is left to owe anything
        recovery = ledger.recover(
            points,
            account.figures,
            sum(part.points for part in pending),
            ledger.RecoveryPolicy.WITHIN_BALANCE if is_over else programme.recovery,
            programme.debt_limit,
        )
        if not recovery.postings:
            return recovery
        waiting = draw(pending, recovery.pending)
        for part in waiting:
            self._journal.change_lot(account, part.lot_id, -part.points, is_pending=True)
        first = [Draw(lot.lot_id, lot.points, lot.expires_at) for lot in own if not lot.is_pending]
        taken = self._draw(account, recovery.available, first=first)
        parts = due.taken([*waiting, *taken])
        self._journal.post(account, "clawback", recovery.postings, parts, cause)
        return recovery

    def adjust(
        self,
        member_id: UUID,
        points: int,
        cause: Cause,
        *,
        expires_at: datetime | None,
        earned_at: datetime | None = None,
    ) -> UUID:
        """Give points as a new lot, or take available ones; returns the entry's id (L9).

        The caller has made sure that as many are available as are to be taken. ``earned_at`` is as
        in `earn`.
        """
        account, postings = self.account(member_id), ledger.adjust(points)
        if points < 0:
            parts = due.taken(self._draw(account, -points))
            return self._journal.post(account, "adjust", postings, parts, cause)
        lot = Lot(new_id(), points, self.uow.now, expires_at)
        entry = self._journal.post(account, "adjust", postings, [(lot.lot_id, points)], cause)
        self._journal.add_lot(account, lot, earned_at=earned_at)
        self._settle(account, lot, cause)
        return entry

    def transfer(self, giver_id: UUID, taker_id: UUID, points: int, cause: Cause) -> None:
        """Move the lots that lapse first to another member, their expiry unchanged (L10).

        The caller has made sure that so many are available. The taker's debt is repaid first.
        """
        giver, taker = self.account(giver_id), self.account(taker_id)
        # A change of how long points last reaches lots member by member: these go past it (L12).
        expiry_terms.catch_up(self.uow.connection, [giver_id, taker_id])
        drawn = self._draw(giver, points)
        earned_at = accounts.earned_at(self.uow.connection, giver_id, [p.lot_id for p in drawn])
        out = ledger.transfer_out(points, taker_id)
        self._journal.post(giver, "transfer_out", out, due.taken(drawn), cause)
        moved = [(Lot(new_id(), p.points, self.uow.now, p.expires_at), p.lot_id) for p in drawn]
        parts = [(lot.lot_id, lot.points) for lot, _ in moved]
        into = ledger.transfer_in(points, giver_id)
        self._journal.post(taker, "transfer_in", into, parts, cause)
        for lot, origin in moved:
            self._journal.add_lot(taker, lot, origin=origin, earned_at=earned_at[origin])
            taker.note_due(lot.expires_at)
        due.repay(self._journal, taker, [Draw(*part) for part in parts], cause)

    def forfeit(self, member_id: UUID, cause: Cause) -> int:
        """Take all points of a member without holds, and write off its debt (M6).

        Returns how many points there were.
        """
        self.flush()
        account = self.account(member_id)
        postings = ledger.forfeit(account.figures)
        if not postings:
            return 0
        lots = accounts.all_lots(self.uow.connection, member_id)
        parts = [(lot.lot_id, -lot.points) for lot in lots]
        forfeited = account.figures.in_lots
        self._journal.post(account, "forfeit", postings, parts, cause)
        for lot in lots:
            self._journal.change_lot(account, lot.lot_id, -lot.points, is_pending=lot.is_pending)
        account.next_lapse_at = None
        return forfeited

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
        they become a lot until ``reinstated_until``. Who has been merged since passes all of it
        on (M3).
        """
        account = self._accounts[member_id]
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
        came = [
            Lot(lot_id, lot.points, self.uow.now, expires_at) for lot_id, lot, expires_at in targets
        ]
        self._pass_on(account, came, [fresh] if fresh.points else [], cause)
        if self.account(member_id).status == accounts.ERASED:
            self.forfeit(member_id, cause)

    def _pass_on(
        self, account: Account, came: Sequence[Lot], owed: Sequence[Lot], cause: Cause
    ) -> None:
        """Give what has come to an account to whose it is by now; what was owed repays debt."""
        owner = self.account(account.member_id)
        if owner is not account:
            Exchange(self._journal, account, owner, cause).pass_on(came, owed)

    def _settle(self, account: Account, lot: Lot, cause: Cause) -> None:
        """Repay debt from a new lot, unless it is pending, and see when something is due on it."""
        if not lot.is_pending:
            lot = due.repay_from(self._journal, account, lot, cause)
        if lot.lapses_by(self.uow.now):
            if lot.points:
                due.expire(self._journal, account, [lot])
            return
        account.note_due(lot.expires_at)
        account.note_due(lot.activated_at if lot.is_pending else None)

    def _take(self, found: Sequence[Account]) -> None:
        self._accounts.update({account.member_id: account for account in found})
        now = self.uow.now
        waiting = [a for a in found if a.next_lapse_at is not None and a.next_lapse_at <= now]
        if waiting:
            due.do(self._journal, waiting)

    def _became(self, member_id: UUID, lots: Sequence[UUID]) -> Sequence[UUID]:
        """Return which lots of who the member is by now were its ``lots``."""
        way = self.way(member_id)
        return lots if len(way) == 1 else became(self.uow.connection, way, lots)

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
