"""A RabbitMQ node of one's own: no name, port, cookie or data shared with another."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

OWNER = "LOYALTY_TESTS_OWNER"
"""Environment variable of a node: the process whose end it must not outlive."""
# The distribution's wrappers in sbin insist on the system's own user and directories.
_PLACES = ("/usr/lib/rabbitmq/bin", "/opt/homebrew/sbin", "/usr/local/sbin", "/usr/sbin")
_READY_WITHIN_S = 90  # on a busy machine; 8 s on an idle one
_AMQP_HEADER = b"AMQP\x00\x00\x09\x01"

_CONFIG = """
listeners.tcp.1 = 127.0.0.1:{port}
log.file.level = warning
raft.wal_max_size_bytes = 16000000
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 50MB
"""


class RabbitMissing(RuntimeError):
    """The server is not installed."""


def server_command() -> str:
    """Return the path of the server's start script."""
    for place in (*_PLACES, *os.environ.get("PATH", "").split(os.pathsep)):
        script = Path(place) / "rabbitmq-server"
        if script.is_file() and os.access(script, os.X_OK):
            return str(script)
    raise RabbitMissing(
        "rabbitmq-server was not found, and these tests need a real RabbitMQ (3.10 or newer).\n"
        "Install it (Debian, Ubuntu: apt-get install rabbitmq-server); it need not be running."
    )


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def end_leftovers() -> None:
    """End the nodes of test runs that were killed before they could."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            owner = process.environ().get(OWNER, "")
            # Erlang's port mapper came with the first node, and serves all there are.
            if owner.isdigit() and not psutil.pid_exists(int(owner)) and process.name() != "epmd":
                os.killpg(os.getpgid(process.pid), signal.SIGKILL)


def _owner() -> int:
    """Return the process of the test run; of several workers, the one that leads them."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


@dataclass
class Rabbit:
    """One node; `stop` and `start` keep its port and what is durable in it."""

    home: Path
    port: int = field(default_factory=free_port)
    dist_port: int = field(default_factory=free_port)
    name: str = field(default_factory=lambda: f"loyalty-{uuid.uuid4().hex[:12]}")
    pid: int | None = None

    @property
    def uri(self) -> str:
        """Return the AMQP URI."""
        return self.uri_at(self.port)

    def uri_at(self, port: int) -> str:
        """Return the AMQP URI of something that stands in front of the node."""
        return f"amqp://guest:guest@127.0.0.1:{port}//"

    def start(self) -> Rabbit:
        """Start the node and return when it speaks AMQP."""
        end_leftovers()
        script = server_command()
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "rabbitmq.conf").write_text(_CONFIG.format(port=self.port))
        (self.home / "enabled_plugins").write_text("[].")
        (self.home / "env.conf").touch()
        with (self.home / "console.log").open("ab") as console:
            self.pid = subprocess.Popen(
                [script],
                env=self._environment(),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            ).pid
        self._wait_until_ready()
        return self

    def stop(self) -> None:
        """Shut the node down in order, as an upgrade would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the node as a power failure would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the node's process without closing its connections, as a lost network would."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen node go on."""
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """End the node and delete what it wrote."""
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        home = str(self.home)
        own = {
            OWNER: str(_owner()),
            "HOME": home,  # the Erlang cookie lies there
            "RABBITMQ_NODENAME": f"{self.name}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_CONF_ENV_FILE": f"{home}/env.conf",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{home}/mnesia",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_PID_FILE": f"{home}/pid",
            # Do not take both cores for schedulers that spin while they wait.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
        }
        kept = {name: value for name, value in os.environ.items() if "RABBITMQ" not in name}
        return kept | own

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + _READY_WITHIN_S
        while not self._speaks_amqp():
            if not self._alive() or time.monotonic() > until:
                console = (self.home / "console.log").read_text(errors="replace")
                self.kill()
                raise RuntimeError(f"RabbitMQ did not start within {_READY_WITHIN_S} s:\n{console}")
            time.sleep(0.1)

    def _speaks_amqp(self) -> bool:
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as peer:
                peer.sendall(_AMQP_HEADER)
                return peer.recv(1) == b"\x01"
        return False

    def _end(self, number: signal.Signals) -> None:
        self._signal(number)
        until = time.monotonic() + 20
        while self._alive() and time.monotonic() < until:
            time.sleep(0.05)
        if self._alive():
            self._signal(signal.SIGKILL)
        self.pid = None

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _alive(self) -> bool:
        """Whether the node's process group still has a process; a dead child is reaped first."""
        if self.pid is None:
            return False
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True


@contextlib.contextmanager
def shared_rabbit(directory: Path) -> Iterator[Rabbit]:
    """Give the node that all workers of a test session share; the last to leave ends it.

    ``directory`` is common to the session's workers.
    """
    directory.mkdir(parents=True, exist_ok=True)
    rabbit = _join(directory)
    try:
        yield rabbit
    finally:
        with _state(directory) as state:
            state["users"] -= 1
            if state["users"] == 0:
                rabbit.remove()


def _join(directory: Path) -> Rabbit:
    with _state(directory) as state:
        if state.get("users"):
            rabbit = Rabbit(
                directory / state["name"], state["port"], state["dist_port"], state["name"]
            )
            rabbit.pid = state["pid"]
        else:
            name = f"loyalty-{uuid.uuid4().hex[:12]}"
            rabbit = Rabbit(directory / name, name=name).start()
            state.update(
                users=0, name=name, port=rabbit.port, dist_port=rabbit.dist_port, pid=rabbit.pid
            )
        state["users"] += 1
    return rabbit


@contextlib.contextmanager
def _state(directory: Path) -> Iterator[dict[str, Any]]:
    """Read what the session's workers know, and write it back, one worker at a time."""
    path = directory / "rabbitmq.json"
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        state: dict[str, Any] = json.loads(file.read() or "{}")
        yield state
        file.seek(0)
        file.truncate()
        file.write(json.dumps(state))
