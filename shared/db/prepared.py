"""Statements that a connection parses and plans once, for work that repeats them all day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect

_DIALECT = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]

_AS_IT_IS = {"no_parameters": True}


class Prepared:
    """A statement that each connection prepares under a name when it first executes it.

    For statements that take about as long to plan as to execute. psycopg2 sends every statement
    whole; a prepared one stays with the connection, also after a rollback, until it is closed.

    Args:
        name: no other prepared statement of the service has it.
        statement: with the types of all its parameters.
    """

    def __init__(self, name: str, statement: sa.TextClause) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        parameters = [compiled.binds[key] for key in dict.fromkeys(compiled.positiontup or ())]
        types = ", ".join(parameter.type.compile(_DIALECT) for parameter in parameters)
        values = ", ".join(f":{parameter.key}" for parameter in parameters)
        self._name = name
        self._prepare = f"PREPARE {name} ({types}) AS {compiled}"
        self._execute = sa.text(f"EXECUTE {name} ({values})").bindparams(
            *(sa.bindparam(parameter.key, type_=parameter.type) for parameter in parameters)
        )

    def execute(self, connection: sa.Connection, values: Mapping[str, Any]) -> sa.CursorResult[Any]:
        """Execute it with these values of its parameters."""
        prepared: set[str] = connection.info.setdefault("prepared", set())
        if self._name not in prepared:
            connection.exec_driver_sql(self._prepare, execution_options=_AS_IT_IS)
            prepared.add(self._name)
        return connection.execute(self._execute, values)
