"""Accounts: locked in one order, with what else must be known to judge their members' sales."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.points import tables
from services.points.domain.ledger import Figures
from services.points.domain.lots import Draw, Lot
from services.points.domain.sales import Tier
from services.points.repository import bulk, expiry_terms

ERASED = "erased"
_LOTS_AT_ONCE = 200
_FIGURES = tuple(Figures.__dataclass_fields__)
_UUIDS = sa.dialects.postgresql.ARRAY(sa.Uuid(as_uuid=True))
_LOT = tuple(
    tables.lots.c[name]
    for name in ("lot_id", "remaining", "activated_at", "expires_at", "is_pending")
)
_ORDER = (
    tables.lots.c.expires_at.asc().nulls_last(),
    tables.lots.c.activated_at,
    tables.lots.c.lot_id,
)


@dataclass(slots=True)
class Account:
    """A locked account: its figures as they will be once the book is written."""

    member_id: UUID
    figures: Figures
    last_number: int
    next_lapse_at: datetime | None
    merged_into: UUID | None = None
    """Whose account it is by now, if another one's (M3)."""
    status: str | None = None
    """None while members has said nothing of this one."""
    tiers: tuple[Tier, ...] = ()
    birth_month: int | None = None
    rules_token: UUID | None = None
    """As in `services.points.repository.rules`, read along to save a round trip."""
    expiry_token: UUID | None = None
    """As in `services.points.repository.expiry_terms`, likewise."""

    def note_due(self, instant: datetime | None) -> None:
        """Keep in mind that something is due on the account at an instant, if at one."""
        if instant is not None:
            known = self.next_lapse_at
            self.next_lapse_at = instant if known is None else min(known, instant)

    def row(self) -> dict[str, Any]:
        """Return the columns that change."""
        return {
            "member_id": self.member_id,
            **bulk.columns_of(self.figures),
            "last_number": self.last_number,
            "next_lapse_at": self.next_lapse_at,
        }


def lock(connection: sa.Connection, member_ids: Iterable[UUID]) -> list[Account]:
    """Lock the accounts of members, made where missing, in the order of their ids (L8)."""
    wanted = sorted(set(member_ids))
    if not wanted:
        return []
    found = _lock(connection, wanted)
    if len(found) < len(wanted):
        make(connection, wanted)
        found = _lock(connection, wanted)
    return found


def peek(connection: sa.Connection, member_ids: Iterable[UUID]) -> list[Account]:
    """Return accounts as they stand, for whoever changes nothing."""
    return [_known(row) for row in connection.execute(_select(sorted(member_ids)))]


def make(connection: sa.Connection, member_ids: Sequence[UUID]) -> None:
    """Make empty accounts where there are none yet."""
    rows = [{"member_id": member_id} for member_id in member_ids]
    connection.execute(insert(tables.accounts).values(rows).on_conflict_do_nothing())


def lock_due(connection: sa.Connection, now: datetime, limit: int) -> list[Account]:
    """Lock some accounts on which something is due and that nobody else is working on (L4)."""
    accounts = tables.accounts
    chosen = (
        sa.select(accounts)
        .where(accounts.c.next_lapse_at <= now)
        .order_by(accounts.c.next_lapse_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_account(row) for row in connection.execute(chosen)]


def lock_next(connection: sa.Connection, after: UUID, limit: int) -> list[UUID]:
    """Lock the next accounts in the order of their members' ids, whoever works on them (L8)."""
    accounts = tables.accounts
    statement = (
        sa.select(accounts.c.member_id)
        .where(accounts.c.member_id > after)
        .order_by(accounts.c.member_id)
        .limit(limit)
        .with_for_update()
    )
    return list(connection.execute(statement).scalars())


def _lock(connection: sa.Connection, member_ids: Sequence[UUID]) -> list[Account]:
    locking = _select(member_ids).with_for_update(of=tables.accounts)
    return [_known(row) for row in connection.execute(locking)]


def _select(member_ids: Sequence[UUID]) -> sa.Select[Any]:
    accounts, members, tiers = tables.accounts, tables.members, tables.member_tiers
    step = sa.func.jsonb_build_array(tiers.c.tier, tiers.c.multiplier, tiers.c.effective_from)
    history = (
        sa.select(
            sa.func.jsonb_agg(
                sa.dialects.postgresql.aggregate_order_by(
                    step, tiers.c.effective_from, tiers.c.sequence
                )
            )
        )
        .where(tiers.c.member_id == accounts.c.member_id)
        .scalar_subquery()
    )
    return (
        sa.select(
            accounts,
            members.c.status,
            members.c.birth_month,
            history.label("tiers"),
            sa.select(tables.rule_book.c.token).scalar_subquery().label("rules_token"),
            expiry_terms.token().label("expiry_token"),
        )
        .join_from(accounts, members, members.c.member_id == accounts.c.member_id, isouter=True)
        .where(accounts.c.member_id == sa.any_(sa.literal(member_ids, _UUIDS)))
        .order_by(accounts.c.member_id)
    )


def _known(row: Any) -> Account:
    return replace(
        _account(row, row.status, row.tiers),
        birth_month=row.birth_month,
        rules_token=row.rules_token,
        expiry_token=row.expiry_token,
    )


def _account(row: Any, status: str | None = None, tiers: Any = None) -> Account:
    return Account(
        member_id=row.member_id,
        figures=Figures(**{name: getattr(row, name) for name in _FIGURES}),
        last_number=row.last_number,
        next_lapse_at=row.next_lapse_at,
        merged_into=row.merged_into,
        # Beside the figures, since whoever waited for the lock sees no other row as it is now.
        status=status if row.erased_at is None else ERASED,
        tiers=tuple(
            Tier(code, Fraction(multiplier), datetime.fromisoformat(since))
            for code, multiplier, since in tiers or ()
        ),
    )


def close_for_good(connection: sa.Connection, member_id: UUID, now: datetime) -> None:
    """Let a locked account belong to nobody from now on (M6)."""
    mine = tables.accounts.c.member_id == member_id
    connection.execute(sa.update(tables.accounts).where(mine).values(erased_at=now))


def all_lots(connection: sa.Connection, member_id: UUID) -> list[Lot]:
    """Return all lots of a locked account that hold points, pending ones included."""
    lots = tables.lots
    statement = sa.select(*_LOT).where(lots.c.member_id == member_id, lots.c.remaining > 0)
    return [Lot(*row) for row in connection.execute(statement.order_by(*_ORDER))]


def due_lots(
    connection: sa.Connection, due: Sequence[Account], now: datetime
) -> dict[UUID, list[Lot]]:
    """Return what is left in lots that have lapsed or become available, by member."""
    lots = tables.lots
    found = _of([account.member_id for account in due], lots.c.expires_at <= now)
    pending = [account.member_id for account in due if account.figures.pending]
    if pending:
        activated = lots.c.is_pending & (lots.c.activated_at <= now)
        found = found | _of(pending, activated)
    statement = sa.select(lots.c.member_id, *_LOT).where(lots.c.remaining > 0, found)
    by_member: dict[UUID, list[Lot]] = {}
    for member_id, *lot in connection.execute(statement.order_by(lots.c.member_id, *_ORDER)):
        by_member.setdefault(member_id, []).append(Lot(*lot))
    return by_member


def next_due(
    connection: sa.Connection, due: Sequence[Account], now: datetime
) -> dict[UUID, datetime]:
    """Return when time changes accounts next; those it never will are left out."""
    lots = tables.lots
    members = [account.member_id for account in due]
    instants = [
        sa.select(lots.c.member_id, lots.c.expires_at.label("at")).where(
            _of(members, lots.c.expires_at > now), lots.c.remaining > 0
        )
    ]
    pending = [account.member_id for account in due if account.figures.pending]
    if pending:
        waits = lots.c.is_pending & (lots.c.activated_at > now)
        activations = sa.select(lots.c.member_id, lots.c.activated_at)
        instants.append(activations.where(_of(pending, waits), lots.c.remaining > 0))
    holders = [account.member_id for account in due if account.figures.held]
    if holders:
        holds = tables.holds
        ends = sa.select(holds.c.member_id, holds.c.expires_at).where(
            holds.c.member_id == sa.any_(sa.literal(holders, _UUIDS)),
            holds.c.status == "held",
            holds.c.expires_at > now,
        )
        instants.append(ends)
    every = sa.union_all(*instants).subquery()
    statement = sa.select(every.c.member_id, sa.func.min(every.c.at)).group_by(every.c.member_id)
    return {member_id: at for member_id, at in connection.execute(statement)}


def _of(member_ids: Sequence[UUID], condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return (tables.lots.c.member_id == sa.any_(sa.literal(member_ids, _UUIDS))) & condition


def spendable_lots(
    connection: sa.Connection, member_id: UUID, points: int, known: Sequence[UUID] = ()
) -> list[Draw]:
    """Return the lots that hold the member's next ``points``, in the order of spending (L3).

    ``known`` lots are left out. Reads no more lots than it takes: an account may have thousands.
    What is due must have been done.
    """
    found: list[Draw] = []
    others = sa.not_(tables.lots.c.is_pending)
    if known:
        others &= tables.lots.c.lot_id != sa.all_(sa.literal(known, _UUIDS))
    offset, more = 0, True
    while more and sum(lot.points for lot in found) < points:
        page = _lots(connection, member_id, others, limit=_LOTS_AT_ONCE, offset=offset)
        found += [Draw(lot.lot_id, lot.points, lot.expires_at) for lot in page]
        offset += len(page)
        more = len(page) == _LOTS_AT_ONCE
    return found


def some_lots(connection: sa.Connection, member_id: UUID, lot_ids: Sequence[UUID]) -> list[Lot]:
    """Return what is left of some lots, if anything, in the order of spending."""
    condition = tables.lots.c.lot_id == sa.any_(sa.literal(lot_ids, _UUIDS))
    return _lots(connection, member_id, condition, limit=len(lot_ids))


def earned_at(
    connection: sa.Connection, member_id: UUID, lot_ids: Sequence[UUID]
) -> dict[UUID, datetime | None]:
    """Return when the points of lots were earned that follow the programme's terms (L12)."""
    lots = tables.lots
    statement = sa.select(lots.c.lot_id, lots.c.earned_at).where(
        lots.c.member_id == member_id, lots.c.lot_id == sa.any_(sa.literal(lot_ids, _UUIDS))
    )
    return {lot_id: at for lot_id, at in connection.execute(statement)}


def _lots(
    connection: sa.Connection,
    member_id: UUID,
    condition: sa.ColumnElement[bool],
    *,
    limit: int,
    offset: int = 0,
) -> list[Lot]:
    lots = tables.lots
    statement = (
        sa.select(*_LOT)
        .where(lots.c.member_id == member_id, lots.c.remaining > 0, condition)
        .order_by(*_ORDER)
        .limit(limit)
        .offset(offset)
    )
    return [Lot(*row) for row in connection.execute(statement)]


def entries(connection: sa.Connection, member_id: UUID, number: int) -> list[Draw]:
    """Return which lots an entry took from, in its order, with their expiry."""
    parts, lots = tables.lot_entries, tables.lots
    statement = (
        sa.select(parts.c.lot_id, parts.c.points, lots.c.expires_at)
        .join_from(
            parts,
            lots,
            (lots.c.member_id == parts.c.member_id) & (lots.c.lot_id == parts.c.lot_id),
        )
        .where(parts.c.member_id == member_id, parts.c.number == number)
        .order_by(parts.c.seq)
    )
    return [Draw(row.lot_id, -row.points, row.expires_at) for row in connection.execute(statement)]
