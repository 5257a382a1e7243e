"""All that one account has goes to another, and what is left of it comes back (M3).

Lots go as they are in a transfer between members (L10): each becomes a lot of the other account,
its expiry unchanged, and says where it comes from. A hold is released, its points go along, and
are held again at once, for the same order and as long. Debt goes, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from services.points import tables
from services.points.domain import ledger
from services.points.domain.ledger import AVAILABLE, DEBT, HELD, PENDING
from services.points.domain.lots import Draw, Lot
from services.points.repository import due, expiry_terms, holds
from services.points.repository.accounts import Account
from services.points.repository.holds import Hold
from services.points.repository.journal import Cause, Journal
from shared.ids import new_id

MERGE, UNMERGE = "merge", "unmerge"
"""Kinds of references: the id is the merge's."""
_CAME = sa.text("""
SELECT l.*
FROM transactions t
JOIN lot_entries e ON e.member_id = t.member_id AND e.number = t.number
JOIN lots l ON l.member_id = e.member_id AND l.lot_id = e.lot_id
WHERE t.reference_id = :merge_id AND t.reference_kind = 'merge' AND t.type = 'transfer_in'
    AND t.member_id = :member_id AND l.remaining > 0
ORDER BY e.number, e.seq
""")
_DEBT_CAME = sa.text("""
SELECT coalesce(sum(p.points), 0) FROM transactions t JOIN postings p USING (member_id, number)
WHERE t.reference_id = :merge_id AND t.reference_kind = 'merge' AND t.type = 'transfer_in'
    AND t.member_id = :member_id AND p.debit = 'debt'
""")
_HOLDS_CAME = sa.text("""
SELECT h.hold_id FROM transactions t
JOIN holds h ON h.hold_id = CAST(t.rule AS uuid) AND h.member_id = t.member_id
WHERE t.reference_id = :merge_id AND t.reference_kind = 'merge' AND t.type = 'hold'
    AND t.member_id = :member_id AND h.status = 'held'
""")


@dataclass(frozen=True, slots=True)
class _Going:
    """What is left of a lot, and what the lot will be at the other side."""

    lot: Lot
    becomes: UUID
    is_new: bool
    earned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """Two locked accounts, one of which gives all or some of what it has to the other."""

    journal: Journal
    giver: Account
    taker: Account
    cause: Cause
    """Its kind is ``merge`` or ``unmerge``, and its id the merge's; or else why something came."""

    def merge(self) -> None:
        """Give everything."""
        held = holds.standing(self.journal.uow.connection, self.giver.member_id)
        drawn = self._open(held)
        table = tables.lots
        mine = sa.select(table).where(
            table.c.member_id == self.giver.member_id, table.c.remaining > 0
        )
        rows = self.journal.uow.connection.execute(mine.order_by(table.c.lot_id)).all()
        going = [_Going(_lot(row), new_id(), True, row.earned_at) for row in rows]
        self._carry_out(going, held, drawn, self.giver.figures.debt)

    def unmerge(self) -> None:
        """Give back what is left of what came with the merge, lot by lot."""
        connection = self.journal.uow.connection
        key = {"merge_id": self.cause.id, "member_id": self.giver.member_id}
        came = set(connection.execute(_HOLDS_CAME, key).scalars())
        standing = holds.standing(connection, self.giver.member_id)
        held = [each for each in standing if each.hold_id in came]
        drawn = self._open(held)
        rows = connection.execute(_CAME, key).all()
        going = [_Going(_lot(row), row.origin_lot_id, False) for row in rows]
        debt = min(connection.execute(_DEBT_CAME, key).scalar_one(), self.giver.figures.debt)
        self._carry_out(going, held, drawn, int(debt))

    def pass_on(self, came: Sequence[Lot], owed: Sequence[Lot]) -> None:
        """Give lots that have come to the giver in this transaction; ``owed`` ones repay debt."""
        going = {lot.lot_id: _Going(lot, new_id(), True) for lot in (*came, *owed)}
        self._transfer(list(going.values()), AVAILABLE, 0, rule=self.cause.rule)
        credited = [Draw(going[lot.lot_id].becomes, lot.points) for lot in owed]
        due.repay(self.journal, self.taker, credited, self.cause)

    def _open(self, held: Sequence[Hold]) -> Mapping[UUID, Sequence[Draw]]:
        """Let held points go home, so that they can go along; return what the holds had drawn."""
        connection = self.journal.uow.connection
        # A change of how long points last reaches lots member by member: these go past it (L12).
        expiry_terms.catch_up(connection, [self.giver.member_id, self.taker.member_id])
        drawn = holds.drawn_by(connection, held)
        for hold in held:
            parts = [(part.lot_id, part.points) for part in drawn[hold.hold_id]]
            cause = self._cause(str(hold.hold_id))
            postings = ledger.free(hold.points, HELD)
            self.journal.post(self.giver, "release", postings, parts, cause)
            for lot_id, points in parts:
                self.journal.change_lot(self.giver, lot_id, points)
        self.journal.flush()
        return drawn

    def _carry_out(
        self,
        going: Sequence[_Going],
        held: Sequence[Hold],
        drawn: Mapping[UUID, Sequence[Draw]],
        debt: int,
    ) -> None:
        ready = [each for each in going if not each.lot.is_pending]
        self._transfer(ready, AVAILABLE, debt, rule="")
        self._transfer([each for each in going if each.lot.is_pending], PENDING, 0, rule=PENDING)
        becomes = {each.lot.lot_id: each.becomes for each in going}
        left = {each.becomes: each.lot.points for each in ready}
        for hold in held:
            parts = [
                Draw(becomes[part.lot_id], part.points, part.expires_at)
                for part in drawn[hold.hold_id]
            ]
            self._hold_again(hold, parts)
            for part in parts:
                left[part.lot_id] -= part.points
        credited = [Draw(lot_id, points) for lot_id, points in left.items() if points]
        due.repay(self.journal, self.taker, credited, self._cause(DEBT))
        self.journal.flush()

    def _transfer(self, going: Sequence[_Going], of: str, debt: int, *, rule: str) -> None:
        points = sum(each.lot.points for each in going)
        giver, taker = self.giver, self.taker
        out = ledger.give_over(points, debt, of, taker.member_id)
        if not out:
            return
        is_pending, cause = of == PENDING, self._cause(rule)
        parts = [(each.lot.lot_id, -each.lot.points) for each in going]
        self.journal.post(giver, "transfer_out", out, parts, cause)
        for lot_id, change in parts:
            self.journal.change_lot(giver, lot_id, change, is_pending=is_pending)
        into = ledger.take_over(points, debt, of, giver.member_id)
        parts = [(each.becomes, each.lot.points) for each in going]
        self.journal.post(taker, "transfer_in", into, parts, cause)
        for each in going:
            self._receive(each)

    def _receive(self, going: _Going) -> None:
        lot, taker = going.lot, self.taker
        arrived = Lot(going.becomes, lot.points, lot.activated_at, lot.expires_at, lot.is_pending)
        taker.note_due(lot.expires_at)
        taker.note_due(lot.activated_at if lot.is_pending else None)
        if going.is_new:
            self.journal.add_lot(taker, arrived, origin=lot.lot_id, earned_at=going.earned_at)
        else:
            self.journal.change_lot(taker, arrived.lot_id, lot.points, is_pending=lot.is_pending)
            self._renew(arrived)

    def _renew(self, lot: Lot) -> None:
        """Let a lot that comes home be what has become of it meanwhile."""
        table = tables.lots
        mine = (table.c.member_id == self.taker.member_id) & (table.c.lot_id == lot.lot_id)
        self.journal.flush()
        self.journal.uow.connection.execute(
            sa.update(table)
            .where(mine)
            .values(
                expires_at=lot.expires_at,
                activated_at=lot.activated_at,
                number=self.taker.last_number,
            )
        )

    def _hold_again(self, hold: Hold, parts: Sequence[Draw]) -> None:
        taker = self.taker
        cause = self._cause(str(hold.hold_id))
        self.journal.post(taker, "hold", ledger.hold(hold.points), due.taken(parts), cause)
        for part in parts:
            self.journal.change_lot(taker, part.lot_id, -part.points)
        moved = {"member_id": taker.member_id, "number": taker.last_number}
        self.journal.update(tables.holds, [{"hold_id": hold.hold_id, **moved}])
        taker.note_due(hold.expires_at)

    def _cause(self, rule: str) -> Cause:
        return replace(self.cause, rule=rule)


def _lot(row: sa.Row[object]) -> Lot:
    fields = row._mapping
    return Lot(
        fields["lot_id"],
        fields["remaining"],
        fields["activated_at"],
        fields["expires_at"],
        fields["is_pending"],
    )


def redirect(connection: sa.Connection, member_id: UUID, to: UUID | None) -> None:
    """Say where a locked account went, or that it is one of its own again."""
    table = tables.accounts
    mine = sa.update(table).where(table.c.member_id == member_id)
    connection.execute(mine.values(merged_into=to))


def became(connection: sa.Connection, way: Sequence[UUID], lot_ids: Sequence[UUID]) -> list[UUID]:
    """Return which lots of the last account on the way were lots of the first."""
    table, found = tables.lots, list(lot_ids)
    for member_id in way[1:]:
        next_ = sa.select(table.c.lot_id).where(
            table.c.member_id == member_id, table.c.origin_lot_id.in_(found)
        )
        found = list(connection.execute(next_).scalars())
    return found


_SHARE = sa.text("""
INSERT INTO rule_usage AS known (holder, rule_id, period, used)
SELECT :survivor, rule_id, period, used FROM rule_usage WHERE holder = :source
ORDER BY rule_id, period
ON CONFLICT (holder, rule_id, period) DO UPDATE SET used = known.used + excluded.used
""")
_UNSHARE = sa.text("""
UPDATE rule_usage AS known SET used = greatest(known.used - s.used, 0)
FROM rule_usage s
WHERE s.holder = :source AND known.holder = :survivor
    AND (s.rule_id, s.period) = (known.rule_id, known.period)
""")
_SHARE_CARDS = sa.text("""
INSERT INTO card_spending AS known (member_id, spent_on, points)
SELECT :survivor, spent_on, points FROM card_spending WHERE member_id = :source
ON CONFLICT (member_id, spent_on) DO UPDATE SET points = known.points + excluded.points
""")
_UNSHARE_CARDS = sa.text("""
WITH spent AS (
    SELECT known.member_id, known.spent_on, known.points - s.points AS points
    FROM card_spending known JOIN card_spending s USING (spent_on)
    WHERE known.member_id = :survivor AND s.member_id = :source
), gone AS (
    DELETE FROM card_spending known USING spent
    WHERE (known.member_id, known.spent_on) = (spent.member_id, spent.spent_on)
        AND spent.points <= 0
)
UPDATE card_spending known SET points = spent.points FROM spent
WHERE (known.member_id, known.spent_on) = (spent.member_id, spent.spent_on) AND spent.points > 0
""")


def share_limits(connection: sa.Connection, source_id: UUID, survivor_id: UUID) -> None:
    """Count for the survivor what the source has used of its caps and of its cards' floor (M2)."""
    holders = {"source": str(source_id), "survivor": str(survivor_id)}
    connection.execute(_SHARE, holders)
    connection.execute(_SHARE_CARDS, {"source": source_id, "survivor": survivor_id})


def unshare_limits(connection: sa.Connection, source_id: UUID, survivor_id: UUID) -> None:
    """Count no more for the survivor what is the source's again."""
    holders = {"source": str(source_id), "survivor": str(survivor_id)}
    connection.execute(_UNSHARE, holders)
    connection.execute(_UNSHARE_CARDS, {"source": source_id, "survivor": survivor_id})
