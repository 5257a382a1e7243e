"""Uses of benefits, and benefits that came by themselves (T6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.tiers import tables

_USES, _GRANTS = tables.uses, tables.grants


def find(connection: sa.Connection, use_id: str) -> sa.RowMapping | None:
    """Return a use."""
    statement = sa.select(_USES).where(_USES.c.use_id == use_id)
    return connection.execute(statement).mappings().one_or_none()


def add(connection: sa.Connection, row: Mapping[str, Any]) -> sa.RowMapping | None:
    """Insert a use; None if there is one of this id."""
    statement = insert(_USES).values(row).on_conflict_do_nothing().returning(_USES)
    return connection.execute(statement).mappings().one_or_none()


def used(
    connection: sa.Connection, member_id: UUID, code: str, since: datetime, until: datetime
) -> int:
    """Count a member's uses in a period that were not taken back."""
    statement = sa.select(sa.func.count()).where(
        _USES.c.member_id == member_id,
        _USES.c.code == code,
        _USES.c.used_at >= since,
        _USES.c.used_at < until,
        _USES.c.reversed_at.is_(None),
    )
    return int(connection.execute(statement).scalar_one())


def reverse(
    connection: sa.Connection, use_id: str, *, cause: str, now: datetime
) -> sa.RowMapping | None:
    """Take a use back; None if it is taken back already."""
    mine = sa.and_(_USES.c.use_id == use_id, _USES.c.reversed_at.is_(None))
    return next(iter(_reverse(connection, mine, cause, now)), None)


def reverse_order(
    connection: sa.Connection, reference: str, *, cause: str, now: datetime, until: datetime
) -> Sequence[sa.RowMapping]:
    """Take back all uses for an order that were made until an instant."""
    of_order = sa.and_(
        _USES.c.reference == reference, _USES.c.reversed_at.is_(None), _USES.c.used_at <= until
    )
    return _reverse(connection, of_order, cause, now)


def _reverse(
    connection: sa.Connection, which: sa.ColumnElement[bool], cause: str, now: datetime
) -> Sequence[sa.RowMapping]:
    statement = sa.update(_USES).where(which).values(reversed_at=now, reversed_cause=cause)
    return connection.execute(statement.returning(_USES)).mappings().all()


def grant(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> Sequence[UUID]:
    """Insert grants; return the ids of those whose occasion had none yet."""
    if not rows:
        return []
    statement = insert(_GRANTS).values(list(rows)).on_conflict_do_nothing()
    return connection.execute(statement.returning(_GRANTS.c.grant_id)).scalars().all()


def born_in(
    connection: sa.Connection, month: int, occasion: str, ranks: Sequence[int], limit: int
) -> Sequence[Any]:
    """Return members born in a month, of some tiers, who have had no gift on this occasion."""
    state = tables.states
    had = sa.exists().where(
        _GRANTS.c.member_id == state.c.member_id,
        _GRANTS.c.kind == "birthday_gift",
        _GRANTS.c.occasion == occasion,
    )
    statement = sa.select(state.c.member_id, state.c.tier, state.c.rank).where(
        state.c.status == "active",
        state.c.birth_month == month,
        state.c.rank.in_(ranks),
        ~had,
    )
    locked = statement.limit(limit).with_for_update(of=state, skip_locked=True)
    return connection.execute(locked).all()
