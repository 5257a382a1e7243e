"""Real PostgreSQL for tests: one throw-away server a test process, one migrated database a service.

The server comes from the same wheel as in ``make run``, without syncing to disk. Between tests the
tables that were touched are put back to what the migrations left in them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from psycopg2 import sql

from shared.clock import Clock, SystemClock
from shared.db import Transactions, create_engine
from shared.db.bootstrap import bootstrap_service, database_name, owner_role
from shared.db.migrations import upgrade
from standalone.postgres import EmbeddedPostgres, end_leftovers

_PREFIX = "loyalty-tests-"
_NO_TRIGGERS = "SET LOCAL session_replication_role = replica"
"""Journals refuse to be emptied, and tables are filled in any order."""


def psycopg2_dsn(url: str) -> str:
    """Return the URL in the form that psycopg2 and psql take."""
    return url.replace("postgresql+psycopg2://", "postgresql://", 1)


@dataclass
class ServiceDatabase:
    """One service's database, migrated to head, with the rights of production."""

    service: str
    url: str
    """As the service runs: the runtime role."""
    owner_url: str
    """As its migrations run: the owner role."""
    admin_url: str
    """As superuser, for looking at and preparing what the service may not."""
    _pristine: dict[str, str] = field(default_factory=dict)

    @cached_property
    def engine(self) -> sa.Engine:
        """Return an engine of the runtime role, kept for the test process."""
        return create_engine(self.url, application=f"test-{self.service}")

    def transactions(self, clock: Clock | None = None, *, sandbox: bool = False) -> Transactions:
        """Return what runs the service's use cases."""
        return Transactions(self.engine, clock or SystemClock(), sandbox)

    @cached_property
    def _admin(self) -> sa.Engine:
        """Return an engine of the superuser: a new connection costs more than most questions."""
        return sa.create_engine(self.admin_url, pool_pre_ping=True)

    def query(self, statement: str, **values: Any) -> list[Any]:
        """Run one statement as superuser and return its rows; for looking behind the scenes."""
        with self._admin.begin() as connection:
            found = connection.execute(sa.text(statement), values)
            return list(found) if found.returns_rows else []

    def remember(self) -> None:
        """Take what the tables hold now as the state that `reset` goes back to."""
        with (
            closing(self._admin.raw_connection()) as connection,
            closing(connection.cursor()) as cursor,
        ):
            self._pristine = {name: _copy_out(cursor, name) for name in _filled_tables(cursor)}

    def reset(self) -> None:
        """Put every table and its sequences back, whatever triggers and foreign keys say.

        A transaction a failed test left open is ended.
        """
        with (
            closing(self._admin.raw_connection()) as connection,
            closing(connection.cursor()) as cursor,
        ):
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
                " current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
            )
            touched = [
                name
                for name in sorted({*_filled_tables(cursor), *self._pristine})
                if name not in self._pristine or _copy_out(cursor, name) != self._pristine[name]
            ]
            if not touched:
                return
            cursor.execute(_NO_TRIGGERS)
            for name in touched:
                cursor.execute(sql.SQL("DELETE FROM {}").format(sql.SQL(name)))
            _restart_sequences(cursor, touched)
            connection.commit()
            _give_pages_back(connection.driver_connection, touched)
            cursor.execute(_NO_TRIGGERS)
            for name in touched:
                if name in self._pristine:
                    cursor.copy_expert(f"COPY {name} FROM STDIN", StringIO(self._pristine[name]))
                    _catch_up_sequences(cursor, name)
            connection.commit()

    def close(self) -> None:
        """Drop the connections."""
        for engine in ("engine", "_admin"):
            if engine in self.__dict__:
                self.__dict__[engine].dispose()


class TestServer:
    """The PostgreSQL server of one test process."""

    __test__ = False

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server
        self._databases: dict[str, ServiceDatabase] = {}
        self._own: list[ServiceDatabase] = []
        self._made = 0

    def database(self, service: str) -> ServiceDatabase:
        """Return the service's database as its migrations leave it; migrates at the first call."""
        known = self._databases.get(service)
        if known is not None:
            known.reset()
            return known
        made = self._bootstrap(service, database_name(service))
        upgrade(service, made.owner_url)
        made.remember()
        self._databases[service] = made
        return made

    def own_database(self, service: str) -> ServiceDatabase:
        """Return a new database as the service's migrations leave it, which nobody else is given.

        Its `remember` may therefore be called again.
        """
        made = self.empty_database(service)
        upgrade(service, made.owner_url)
        self._own.append(made)
        return made

    def empty_database(self, service: str) -> ServiceDatabase:
        """Return a new database with the service's roles and nothing in it, for migration tests."""
        self._made += 1
        return self._bootstrap(service, f"{database_name(service)}_{self._made}")

    def close(self) -> None:
        """Drop the connections of all databases."""
        for database in (*self._databases.values(), *self._own):
            database.close()

    def _bootstrap(self, service: str, database: str) -> ServiceDatabase:
        bootstrap_service(self.server.url(), service, database=database)
        return ServiceDatabase(
            service,
            url=self.server.url(database, database_name(service)),
            owner_url=self.server.url(database, owner_role(service)),
            admin_url=self.server.url(database),
        )


@contextmanager
def running_server() -> Iterator[TestServer]:
    """Start a server in a directory of its own and take both away at the end."""
    _sweep()
    home = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{psutil.Process().pid}-"))
    home.chmod(0o755)  # as root the server runs as somebody else, who has to get there
    server = EmbeddedPostgres(home / "postgres", durable=False)
    try:
        server.start()
        test_server = TestServer(server)
        yield test_server
        test_server.close()
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _sweep() -> None:
    """End servers whose test process was killed before it could."""
    for home in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = home.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            end_leftovers(home / "postgres")
            shutil.rmtree(home, ignore_errors=True)


def _filled_tables(cursor: Any) -> list[str]:
    """Return the quoted names of the tables that hold rows, alembic's own aside."""
    cursor.execute(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN"
        " ('pg_catalog', 'information_schema') AND tablename <> 'alembic_version'"
    )
    names = [name for (name,) in cursor.fetchall()]
    if not names:
        return []
    look = "SELECT {} WHERE EXISTS (SELECT FROM {})"
    looks = [sql.SQL(look).format(sql.Literal(name), sql.SQL(name)) for name in names]
    cursor.execute(sql.SQL(" UNION ALL ").join(looks))
    return sorted(name for (name,) in cursor.fetchall())


def _copy_out(cursor: Any, name: str) -> str:
    rows = StringIO()
    statement = sql.SQL("COPY (SELECT * FROM {} ORDER BY 1) TO STDOUT").format(sql.SQL(name))
    cursor.copy_expert(statement, rows)
    return rows.getvalue()


def _restart_sequences(cursor: Any, names: list[str]) -> None:
    """Let the tables' sequences begin again, as TRUNCATE would for twenty times the time."""
    cursor.execute(
        "SELECT setval(number.seqrelid, number.seqstart, false) FROM pg_depend AS owned"
        " JOIN pg_sequence AS number ON number.seqrelid = owned.objid"
        " WHERE owned.deptype IN ('a', 'i') AND owned.refobjid = ANY(%s::regclass[])",
        (names,),
    )


def _give_pages_back(connection: Any, names: list[str]) -> None:
    """Leave no room of deleted rows, which rows of the next test would take in any order."""
    connection.autocommit = True
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute(f"VACUUM (INDEX_CLEANUP on, SKIP_DATABASE_STATS) {', '.join(names)}")
    finally:
        connection.autocommit = False


def _catch_up_sequences(cursor: Any, name: str) -> None:
    """Let the table's identity columns go on after the rows that were copied in."""
    cursor.execute(
        "SELECT attname, pg_get_serial_sequence(%s, attname) FROM pg_attribute WHERE"
        " attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND pg_get_serial_sequence(%s, attname) IS NOT NULL",
        (name, name, name),
    )
    for column, sequence in cursor.fetchall():
        statement = sql.SQL("SELECT setval(%s, max({})) FROM {}")
        cursor.execute(statement.format(sql.Identifier(column), sql.SQL(name)), (sequence,))
