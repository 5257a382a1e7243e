"""Writes of terminals' running numbers and of the list of exceptions (S5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.points import tables
from services.points.domain.counters import Gap

GAP, OPEN, RESOLVED, CLOSED = "counter_gap", "open", "resolved", "closed"
_TEXTS = sa.dialects.postgresql.ARRAY(sa.Text)
_NUMBERS = sa.dialects.postgresql.ARRAY(sa.BigInteger)


def advance(connection: sa.Connection, terminal_id: str, first: int, last: int) -> int | None:
    """Lock a terminal's row and move it on from ``first`` - 1 to ``last``.

    Returns None where that was right: nothing is missing, as is usual. Else nothing is changed,
    and the highest number seen so far is returned. A terminal's first report is always right.
    """
    table = tables.pos_terminals
    fresh = insert(table).values(terminal_id=terminal_id, last_counter=last)
    moved = fresh.on_conflict_do_update(
        index_elements=[table.c.terminal_id],
        set_={"last_counter": fresh.excluded.last_counter},
        where=table.c.last_counter == first - 1,
    ).returning(table.c.last_counter)
    if connection.execute(moved).one_or_none() is not None:
        return None
    # The row is locked even though it did not match.
    known = sa.select(table.c.last_counter).where(table.c.terminal_id == terminal_id)
    return int(connection.execute(known).scalar_one())


def set_last(connection: sa.Connection, terminal_id: str, last: int) -> None:
    """Set the highest number seen of a locked terminal."""
    table = tables.pos_terminals
    connection.execute(
        sa.update(table).where(table.c.terminal_id == terminal_id).values(last_counter=last)
    )


def open_gaps(connection: sa.Connection, terminal_id: str, seen: Sequence[int]) -> list[Any]:
    """Return the open gaps of a locked terminal that any of ``seen`` lies in."""
    table = tables.pos_exceptions
    number = sa.func.unnest(sa.literal(list(seen), _NUMBERS)).column_valued("number")
    hit = sa.exists(sa.select(number).where(
        sa.and_(number >= table.c.first_counter, number <= table.c.last_counter)
    ))  # fmt: skip
    statement = sa.select(table).where(
        table.c.terminal_id == terminal_id, table.c.kind == GAP, table.c.status == OPEN, hit
    )
    return list(connection.execute(statement))


def add_gaps(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert open gaps."""
    if rows:
        connection.execute(sa.insert(tables.pos_exceptions), list(rows))


def shrink_gap(connection: sa.Connection, exception_id: UUID, gap: Gap, now: datetime) -> None:
    """Let an open gap be what is still missing of it."""
    _change(connection, exception_id, first_counter=gap.first, last_counter=gap.last,
            last_reported_at=now)  # fmt: skip


def close(connection: sa.Connection, exception_id: UUID, now: datetime) -> None:
    """End an exception that has settled itself."""
    _change(connection, exception_id, status=CLOSED, closed_at=now, last_reported_at=now)


def note_reports(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert refused reports; one that is known counts once more.

    Rows come in the order of their fingerprints, each of which occurs once.
    """
    if not rows:
        return
    table = tables.pos_exceptions
    fresh = insert(table).values(list(rows))
    connection.execute(
        fresh.on_conflict_do_update(
            index_elements=[table.c.terminal_id, table.c.fingerprint],
            index_where=table.c.fingerprint.is_not(None),
            set_={
                "times": table.c.times + 1,
                "last_reported_at": fresh.excluded.last_reported_at,
            },
        )
    )


def close_reports(
    connection: sa.Connection, terminal_id: str, sale_ids: Sequence[str], now: datetime
) -> None:
    """End what was noted of sales that have been recorded after all."""
    table = tables.pos_exceptions
    connection.execute(
        sa.update(table)
        .where(
            table.c.terminal_id == terminal_id,
            table.c.sale_id == sa.any_(sa.literal(list(sale_ids), _TEXTS)),
            table.c.status == OPEN,
            table.c.return_id.is_(None),
        )
        .values(status=CLOSED, closed_at=now)
    )


def lock_exception(connection: sa.Connection, exception_id: UUID) -> Any:
    """Return an exception, locked, or None."""
    table = tables.pos_exceptions
    statement = sa.select(table).where(table.c.exception_id == exception_id).with_for_update()
    return connection.execute(statement).one_or_none()


def resolve(connection: sa.Connection, exception_id: UUID, **values: Any) -> Any:
    """End a locked exception by somebody's decision and return it."""
    return _change(connection, exception_id, status=RESOLVED, **values)


def view_exception(row: Any) -> Mapping[str, Any]:
    """Return an exception's row in the shape of the contract."""
    known = row._mapping
    counters = None
    if row.first_counter is not None:
        counters = {"first": row.first_counter, "last": row.last_counter}
    return {**known, "counters": counters, "resolution": known if row.action else None}


def _change(connection: sa.Connection, exception_id: UUID, **values: Any) -> Any:
    table = tables.pos_exceptions
    statement = sa.update(table).where(table.c.exception_id == exception_id).values(values)
    return connection.execute(statement.returning(table)).one()
