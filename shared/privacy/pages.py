"""What a service keeps of a member, page by page, as the register names it (M6)."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shared.clock import rfc3339
from shared.privacy.register import Form, Holding, holdings_of

PAGE_ROWS = 200
Opener = Callable[[str, str, Mapping[str, Any]], Any]
"""Opens a sealed value: given table, column and the row, of which all columns are there."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of one table, and where the next ones begin."""

    table: str
    rows: Sequence[Mapping[str, Any]]
    position: Mapping[str, Any] | None
    """Where to go on; None when this was all."""


def start_of(service: str) -> Mapping[str, Any] | None:
    """Return where to begin with a service."""
    return _begin(service, 0)


def read(
    connection: sa.Connection,
    metadata: sa.MetaData,
    service: str,
    *,
    member_ids: Collection[UUID],
    position: Mapping[str, Any],
    opener: Opener,
) -> Page:
    """Return the rows of a person at ``position``; it is JSON, as is what comes of it.

    ``member_ids`` are all members that are this person: more than one where some were merged (M3).
    """
    holdings = holdings_of(service)
    place = position["holding"]
    holding = holdings[place]
    table = metadata.tables[holding.table]
    key = list(table.primary_key.columns)
    statement = sa.select(table).where(belongs(metadata, holding, member_ids)).order_by(*key)
    if position["after"] is not None:
        seen = [
            sa.cast(sa.literal(text, sa.Text), column.type)
            for text, column in zip(position["after"], key, strict=True)
        ]
        statement = statement.where(sa.tuple_(*key) > sa.tuple_(*seen))
    found = connection.execute(statement.limit(PAGE_ROWS + 1)).mappings().all()
    page = found[:PAGE_ROWS]
    following = _begin(service, place + 1)
    if len(found) > PAGE_ROWS:
        following = {"holding": place, "after": [_text(page[-1][column.name]) for column in key]}
    rows = [_shown(holding, dict(row), opener) for row in page]
    return Page(holding.table, rows, following)


def belongs(
    metadata: sa.MetaData, holding: Holding, member_ids: Collection[UUID]
) -> sa.ColumnElement[bool]:
    """Return which rows of a holding are of members; none where nothing names a member."""
    columns = metadata.tables[holding.table].c
    if holding.through is None:
        return sa.or_(sa.false(), *(columns[name].in_(member_ids) for name in holding.whose))
    name, _, column = holding.through.partition(".")
    above = next(each for each in holdings_of(holding.service) if each.table == name)
    theirs = sa.select(metadata.tables[name].c[column]).where(belongs(metadata, above, member_ids))
    return columns[holding.whose[0]].in_(theirs)


def to_json(value: Any) -> bytes:
    """Return a page's rows, or anything like them, as JSON."""
    return json.dumps(value, ensure_ascii=False, default=_plain).encode()


def _begin(service: str, place: int) -> Mapping[str, Any] | None:
    holdings = holdings_of(service)
    while place < len(holdings) and holdings[place].unexported is not None:
        place += 1
    return {"holding": place, "after": None} if place < len(holdings) else None


def _shown(holding: Holding, row: Mapping[str, Any], opener: Opener) -> dict[str, Any]:
    return {
        field.column: opener(holding.table, field.column, row)
        if field.form is Form.SEALED and row[field.column] is not None
        else row[field.column]
        for field in holding.fields
        if field.is_exported
    }


def _text(value: Any) -> str:
    """Return a key's value as PostgreSQL reads it."""
    if isinstance(value, bytes | memoryview):
        return "\\x" + bytes(value).hex()
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    raise TypeError(f"no export holds a {type(value).__name__}")
