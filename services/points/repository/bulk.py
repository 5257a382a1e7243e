"""Many rows of many tables in one statement: what makes a batch of sales one round trip.

Rows travel as JSON, one parameter a table. The statement's text is made of names of our own tables
and columns only, never of values, and is the same for any number of rows.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import psycopg2.errors
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

Row = Mapping[str, Any]
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


class LostRace(sa.exc.OperationalError):
    """Another transaction wrote the same business key first; run this one again.

    To `Transactions` it is a serialization failure, and that is what it is: the second run sees
    what the first could not, and answers accordingly.
    """

    def __init__(self, statement: str | None, reason: object) -> None:
        """Keep the statement that lost, and why."""
        super().__init__(statement, None, psycopg2.errors.SerializationFailure(str(reason)))


def columns_of(record: object) -> dict[str, Any]:
    """Return a frozen record's fields as columns.

    ``dataclasses.asdict`` would copy each value deeply, which costs more than writing it.
    """
    return {name: getattr(record, name) for name in record.__dataclass_fields__}  # type: ignore[attr-defined]


def write(
    connection: sa.Connection,
    inserts: Mapping[sa.Table, Sequence[Row]],
    updates: Mapping[sa.Table, Sequence[Row]],
) -> None:
    """Insert rows, and update rows by primary key; every row must be there to be updated.

    Rows of one table have the same keys. An update sets the columns it names; a key ``add_x`` adds
    to column ``x``.

    Raises:
        LostRace: a row with such a key has appeared since it was looked for.
    """
    shapes = tuple((table, "insert", tuple(rows[0])) for table, rows in inserts.items() if rows)
    shapes += tuple((table, "update", tuple(rows[0])) for table, rows in updates.items() if rows)
    if not shapes:
        return
    rows_of = {"insert": inserts, "update": updates}
    parameters = {
        _name(table, kind): json.dumps(rows_of[kind][table], default=_plain, ensure_ascii=False)
        for table, kind, _ in shapes
    }
    try:
        written = connection.execute(_statement(shapes), parameters).one()
    except sa.exc.IntegrityError as error:
        if isinstance(error.orig, psycopg2.errors.UniqueViolation):
            raise LostRace(error.statement, error.orig) from error
        raise
    expected = tuple(len(rows_of[kind][table]) for table, kind, _ in shapes)
    if tuple(written) != expected:
        raise RuntimeError(f"wrote {tuple(written)} rows instead of {expected}")


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return value.hex  # the quickest of the forms PostgreSQL reads
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no column holds a {type(value).__name__}")


def _name(table: sa.Table, kind: str) -> str:
    return f"{kind}_{table.name}"


@functools.lru_cache(maxsize=256)
def _statement(shapes: tuple[tuple[sa.Table, str, tuple[str, ...]], ...]) -> sa.TextClause:
    parts = {
        _name(table, kind): _insert(table, columns) if kind == "insert" else _update(table, columns)
        for table, kind, columns in shapes
    }
    withs = ", ".join(f"{name} AS ({part} RETURNING 1)" for name, part in parts.items())
    counts = ", ".join(f"(SELECT count(*) FROM {name})" for name in parts)  # noqa: S608
    return sa.text(f"WITH {withs} SELECT {counts}")


def _insert(table: sa.Table, columns: Sequence[str]) -> str:
    names = ", ".join(columns)
    source = _source(table, "insert", columns)
    return f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {source}"  # noqa: S608


def _update(table: sa.Table, columns: Sequence[str]) -> str:
    keys = [column.name for column in table.primary_key]
    changes = ", ".join(_change(column) for column in columns if column not in keys)
    same = " AND ".join(f"old.{key} = new.{key}" for key in keys)
    source = _source(table, "update", columns).replace(" AS r(", " AS new(")
    return f"UPDATE {table.name} AS old SET {changes} FROM {source} WHERE {same}"  # noqa: S608


def _change(column: str) -> str:
    target = column.removeprefix("add_")
    if target != column:
        return f"{target} = old.{target} + new.{column}"
    return f"{column} = new.{column}"


def _source(table: sa.Table, kind: str, columns: Sequence[str]) -> str:
    types = ", ".join(
        f"{column} {table.c[column.removeprefix('add_')].type.compile(_DIALECT)}"
        for column in columns
    )
    return f"jsonb_to_recordset(CAST(:{_name(table, kind)} AS jsonb)) AS r({types})"
