"""Statements that a connection plans once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from shared.db import create_engine
from shared.db.prepared import Prepared
from tests.support.postgres import ServiceDatabase

IDS = [UUID(int=2), UUID(int=1)]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ECHO = Prepared(
    "echo",
    sa.text(
        "SELECT id, :now AS at, :note || '$1 100%' AS note, :now + interval '1 day' AS later"
        " FROM unnest(:ids) AS of (id) ORDER BY id"
    ).bindparams(
        sa.bindparam("ids", type_=ARRAY(sa.Uuid(as_uuid=True))),
        sa.bindparam("now", type_=sa.DateTime(timezone=True)),
        sa.bindparam("note", type_=sa.Text()),
    ),
)
_KNOWN = sa.text("SELECT count(*) FROM pg_prepared_statements WHERE name = 'echo'")


@pytest.fixture
def pool(empty_database: Callable[[str], ServiceDatabase]) -> Iterator[sa.Engine]:
    made = create_engine(empty_database("points").url, pool_size=1)
    yield made
    made.dispose()


def echo(connection: sa.Connection, note: str | None) -> list[tuple[object, ...]]:
    rows = ECHO.execute(connection, {"ids": IDS, "now": NOW, "note": note})
    return [tuple(row) for row in rows]


def test_prepared_statement_takes_typed_values_as_any_other(pool: sa.Engine) -> None:
    with pool.connect() as connection:
        later = NOW.replace(day=2)
        assert echo(connection, "it's :so ") == [
            (UUID(int=1), NOW, "it's :so $1 100%", later),
            (UUID(int=2), NOW, "it's :so $1 100%", later),
        ]
        assert [row[2] for row in echo(connection, None)] == [None, None]


def test_statement_stays_prepared_after_a_rollback(pool: sa.Engine) -> None:
    with pool.connect() as connection:
        echo(connection, "a")
        connection.rollback()
    with pool.connect() as connection:
        assert connection.execute(_KNOWN).scalar_one() == 1
        assert echo(connection, "b")[0][2] == "b$1 100%"


def test_new_connection_prepares_for_itself(pool: sa.Engine) -> None:
    with pool.connect() as connection:
        echo(connection, "a")
        connection.invalidate()
    with pool.connect() as connection:
        assert connection.execute(_KNOWN).scalar_one() == 0
        assert echo(connection, "b")[0][2] == "b$1 100%"
