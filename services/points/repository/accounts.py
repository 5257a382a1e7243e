"""Accounts: locked in one order, with what else must be known to judge their members' sales."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.points import tables
from services.points.domain.ledger import Figures
from services.points.domain.lots import Draw
from services.points.domain.sales import Tier

_LOTS_AT_ONCE = 200
_FIGURES = tuple(Figures.__dataclass_fields__)


@dataclass(slots=True)
class Account:
    """A locked account: its figures as they will be once the book is written."""

    member_id: UUID
    figures: Figures
    last_number: int
    next_lapse_at: datetime | None
    status: str | None = None
    """None while members has said nothing of this one."""
    tiers: tuple[Tier, ...] = ()

    def row(self) -> dict[str, Any]:
        """Return the columns that change."""
        return {
            "member_id": self.member_id,
            **asdict(self.figures),
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


def make(connection: sa.Connection, member_ids: Sequence[UUID]) -> None:
    """Make empty accounts where there are none yet."""
    rows = [{"member_id": member_id} for member_id in member_ids]
    connection.execute(insert(tables.accounts).values(rows).on_conflict_do_nothing())


def lock_lapsed(connection: sa.Connection, now: datetime, limit: int) -> list[Account]:
    """Lock some accounts that may hold lapsed lots and that nobody else is working on (L4)."""
    accounts = tables.accounts
    chosen = (
        sa.select(accounts)
        .where(accounts.c.next_lapse_at <= now)
        .order_by(accounts.c.next_lapse_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_account(row) for row in connection.execute(chosen)]


def _lock(connection: sa.Connection, member_ids: Sequence[UUID]) -> list[Account]:
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
    statement = (
        sa.select(accounts, members.c.status, history.label("tiers"))
        .join_from(accounts, members, members.c.member_id == accounts.c.member_id, isouter=True)
        .where(accounts.c.member_id == sa.any_(sa.literal(member_ids, _UUIDS)))
        .order_by(accounts.c.member_id)
        .with_for_update(of=accounts)
    )
    return [_account(row, row.status, row.tiers) for row in connection.execute(statement)]


_UUIDS = sa.dialects.postgresql.ARRAY(sa.Uuid(as_uuid=True))


def _account(row: Any, status: str | None = None, tiers: Any = None) -> Account:
    return Account(
        member_id=row.member_id,
        figures=Figures(**{name: getattr(row, name) for name in _FIGURES}),
        last_number=row.last_number,
        next_lapse_at=row.next_lapse_at,
        status=status,
        tiers=tuple(
            Tier(code, Fraction(multiplier), datetime.fromisoformat(since))
            for code, multiplier, since in tiers or ()
        ),
    )


def lapsed_lots(
    connection: sa.Connection, member_ids: Sequence[UUID], now: datetime
) -> list[tuple[UUID, Draw]]:
    """Return what is left in the members' lapsed lots, in the order they lapsed."""
    lots = tables.lots
    statement = (
        sa.select(lots.c.member_id, lots.c.lot_id, lots.c.remaining, lots.c.expires_at)
        .where(lots.c.member_id == sa.any_(sa.literal(member_ids, _UUIDS)))
        .where(lots.c.remaining > 0, lots.c.expires_at <= now)
        .order_by(lots.c.member_id, lots.c.expires_at, lots.c.activated_at, lots.c.lot_id)
    )
    return [
        (row.member_id, Draw(row.lot_id, row.remaining, row.expires_at))
        for row in connection.execute(statement)
    ]


def next_lapses(
    connection: sa.Connection, member_ids: Sequence[UUID], now: datetime
) -> dict[UUID, datetime]:
    """Return when the members' next lots lapse; members without such a lot are left out."""
    lots = tables.lots
    statement = (
        sa.select(lots.c.member_id, sa.func.min(lots.c.expires_at).label("next"))
        .where(lots.c.member_id == sa.any_(sa.literal(member_ids, _UUIDS)))
        .where(lots.c.remaining > 0, lots.c.expires_at > now)
        .group_by(lots.c.member_id)
    )
    return {row.member_id: row.next for row in connection.execute(statement)}


def spendable_lots(
    connection: sa.Connection, member_id: UUID, points: int, first: UUID | None = None
) -> list[Draw]:
    """Return the lots that hold the member's next ``points``, in the order of spending (L3).

    ``first`` names a lot that comes before all others. Reads no more lots than it takes: an account
    may have thousands. Lapsed lots must have been swept.
    """
    found: list[Draw] = []
    if first is not None:
        found += _lots(connection, member_id, tables.lots.c.lot_id == first, limit=1)
    others = sa.true() if first is None else tables.lots.c.lot_id != first
    offset, more = 0, True
    while more and sum(lot.points for lot in found) < points:
        page = _lots(connection, member_id, others, limit=_LOTS_AT_ONCE, offset=offset)
        found += page
        offset += len(page)
        more = len(page) == _LOTS_AT_ONCE
    return found


def _lots(
    connection: sa.Connection,
    member_id: UUID,
    condition: sa.ColumnElement[bool],
    *,
    limit: int,
    offset: int = 0,
) -> list[Draw]:
    lots = tables.lots
    statement = (
        sa.select(lots.c.lot_id, lots.c.remaining, lots.c.expires_at)
        .where(lots.c.member_id == member_id, lots.c.remaining > 0, condition)
        .order_by(lots.c.expires_at.asc().nulls_last(), lots.c.activated_at, lots.c.lot_id)
        .limit(limit)
        .offset(offset)
    )
    return [
        Draw(row.lot_id, row.remaining, row.expires_at) for row in connection.execute(statement)
    ]


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
