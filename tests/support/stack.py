"""The real stack without containers: the processes of docker-compose.yml, each on its own.

Entry point, commands and variables are those of the compose file; only hosts and ports differ.
RabbitMQ and PostgreSQL belong to the stack, and so does every process: `Stack.remove` ends all.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from shared.events.dead_letters import DeadLetters
from shared.events.subscriptions import SUBSCRIPTIONS
from standalone.postgres import EmbeddedPostgres, end_leftovers
from tests.support.compose import ROOT, Container, containers, interpolate, write_secrets
from tests.support.rabbitmq import Rabbit, free_port
from tests.support.standalone import ADMIN_PASSWORD
from tests.support.tap import Tap

GATEWAY = "gateway"
PREPARE = "prepare"
OK = 200
READY_WITHIN_S = 150.0
"""Generous: eleven interpreters start at once, and the machine may have two busy cores."""
_PREFIX = "loyalty-stack-"
_TAIL_BYTES = 6_000


@dataclass
class Part:
    """One process of the stack; may be killed and started again and again."""

    name: str
    arguments: list[str]
    environment: Mapping[str, str]
    log: Path
    health_port: int
    """Where ``/healthz``, ``/readyz`` and ``/metrics`` are; of the gateway only the last."""
    process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start it as the leader of a process group; does not wait."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(ROOT / "deploy" / "entrypoint.sh"), *self.arguments],
                cwd=ROOT,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def finish(self) -> None:
        """Wait for the end of something that ends by itself; it must succeed."""
        assert self._running.wait(READY_WITHIN_S) == 0, self.tail()

    def stop(self, within_s: float = 30) -> int:
        """Ask it to end, as an orchestrator does; return its exit status."""
        self._running.send_signal(signal.SIGTERM)
        return self._running.wait(within_s)

    def kill(self) -> None:
        """``kill -9`` the whole process group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def workers(self) -> list[psutil.Process]:
        """Return its child processes: gunicorn's workers."""
        return list(psutil.Process(self._running.pid).children())

    @property
    def has_ended(self) -> bool:
        """Whether it does not run, or no longer."""
        return self.process is None or self.process.poll() is not None

    def probe(self, path: str) -> tuple[int, str]:
        """Ask its health port; status 0 means that nobody answers."""
        return fetch(f"http://127.0.0.1:{self.health_port}{path}")

    def check_health(self) -> int:
        """Run the image's health check for it; return the exit status."""
        script = str(ROOT / "deploy" / "healthcheck.py")
        return subprocess.run(
            [sys.executable, script], env=dict(self.environment), check=False
        ).returncode

    def tail(self) -> str:
        """Return the end of what it has printed."""
        return self.log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None, f"{self.name} was not started"
        return self.process


@dataclass
class Stack:
    """Broker, database server and the processes of the compose file."""

    home: Path
    tapped: Sequence[str] = ()
    """Names of parts whose messages a test wants to hold; see `tests.support.tap`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What every part gets beside what the compose file says."""
    taps: dict[str, Tap] = field(default_factory=dict)
    rabbit: Rabbit = field(init=False)
    postgres: EmbeddedPostgres = field(init=False)
    parts: dict[str, Part] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        """Name the places; nothing runs yet."""
        self.rabbit = Rabbit(self.home / "rabbitmq")
        self.postgres = EmbeddedPostgres(self.home / "postgres", durable=False)
        self.secrets = write_secrets(
            self.home, LOYALTY_ADMIN_PASSWORD=ADMIN_PASSWORD, LOYALTY_SANDBOX="1"
        )

    @property
    def url(self) -> str:
        """Where the HTTP API is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Stack:
        """Start everything in the order of the compose file; return when it is ready."""
        self.postgres.start()
        self.rabbit.start()
        self.taps = {name: Tap(self.rabbit.port) for name in self.tapped}
        ours = [container for container in containers().values() if container.part]
        jobs = [self._part(each) for each in ours if each.command == [PREPARE]]
        for job in jobs:
            job.launch()
        for job in jobs:
            job.finish()
        self.parts = {each.name: self._part(each) for each in ours if each.command != [PREPARE]}
        for part in self.parts.values():
            part.launch()
        self.wait_until_ready()
        return self

    def restart(self, name: str) -> None:
        """Start a part that was killed or stopped, as the restart policy does, and wait for it."""
        self.parts[name].launch()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when every process and the platform as a whole say so."""
        for part in self.parts.values():
            if part.name != GATEWAY:
                self._wait(part, partial(_answers, part))
        self._wait(self.parts[GATEWAY], self.is_ready)

    def is_ready(self) -> bool:
        """Whether the gateway says that broker and services answer (A7)."""
        return fetch(f"{self.url}/readyz")[0] == OK

    def heal(self) -> None:
        """Start whatever does not run, for the test after one that failed halfway."""
        if self.rabbit.pid is None:
            self.rabbit.start()
        for part in self.parts.values():
            if part.has_ended:
                part.launch()
        self.wait_until_ready()

    def query(self, service: str, statement: str, **values: Any) -> list[Any]:
        """Run one statement on a service's database as superuser, to look behind the scenes."""
        url = self.postgres.url(f"loyalty_{service}")
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return list(connection.execute(sa.text(statement), values))

    def execute(self, service: str, statement: str) -> None:
        """Run one statement on a service's database as its owner, who migrates."""
        url = self.postgres.url(f"loyalty_{service}", f"loyalty_{service}_owner")
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.execute(sa.text(statement))

    def dead_letters(self) -> list[str]:
        """Return the events that services could not apply, as JSON lines."""
        return [
            letter.to_json()
            for service in SUBSCRIPTIONS
            for letter in DeadLetters(self.rabbit.uri, service).list(100)
        ]

    def remove(self) -> None:
        """End every process and delete what they wrote."""
        for part in self.parts.values():
            part.kill()
        for tap in self.taps.values():
            tap.close()
        self.rabbit.remove()
        self.postgres.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def _wait(self, part: Part, is_ready: Callable[[], bool]) -> None:
        until = time.monotonic() + READY_WITHIN_S
        while not is_ready():
            assert not part.has_ended, f"{part.name} ended:\n{part.tail()}"
            assert time.monotonic() < until, f"{part.name} is not ready:\n{part.tail()}"
            time.sleep(0.1)

    def _part(self, container: Container) -> Part:
        health_port = free_port()
        written = {
            name: self._here(interpolate(str(value), self.secrets))
            for name, value in container.environment.items()
        }
        here = {
            # What the image sets.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
            "LOYALTY_PART": str(container.part),
            "LOYALTY_METRICS_PORT": str(health_port),
            # What stands for a container's own network and file system.
            "LOYALTY_AMQP_URL": self.rabbit.uri,
            "LOYALTY_PORT": str(self.port),
            # Load tests, and no Redis-compatible store.
            "LOYALTY_LIMITS_URL": "memory://",
            "LOYALTY_RATE_LIMITS": "off",
        }
        if container.name in self.taps:
            port = self.taps[container.name].port
            here["LOYALTY_AMQP_URL"] = self.rabbit.uri_at(port)
        if container.name == GATEWAY:
            here["PROMETHEUS_MULTIPROC_DIR"] = str(self._directory("metrics"))
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("LOYALTY_")}
        return Part(
            container.name,
            container.command,
            {**inherited, **written, **here, **self.environment},
            self._directory("logs") / f"{container.name}.log",
            health_port,
        )

    def _here(self, value: str) -> str:
        """Return a URL of the compose network's PostgreSQL as one of our socket."""
        if "@postgres/" not in value:
            return value
        _, _, address = self.postgres.url("").partition("@/")
        return value.replace("@postgres/", "@/") + address

    def _directory(self, name: str) -> Path:
        path = self.home / name
        path.mkdir(exist_ok=True)
        return path


def _answers(part: Part) -> bool:
    return part.probe("/readyz")[0] == OK


def fetch(url: str) -> tuple[int, str]:
    """Return status and body; status 0 means that nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own processes
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


@contextlib.contextmanager
def running_stack(**options: Any) -> Iterator[Stack]:
    """Start a stack in a directory of its own, and take everything away at the end.

    The options are those of `Stack`.
    """
    _sweep()
    home = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    home.chmod(0o755)  # as root PostgreSQL runs as somebody else, who has to get there
    stack = Stack(home, **options)
    try:
        yield stack.start()
    finally:
        stack.remove()


def _sweep() -> None:
    """End what a test process left that was killed before it could."""
    for home in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = home.name.removeprefix(_PREFIX).partition("-")[0]
        if not pid.isdigit() or psutil.pid_exists(int(pid)):
            continue
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                environment = process.environ().values()
                if process.pid != os.getpid() and any(str(home) in text for text in environment):
                    process.kill()
        end_leftovers(home / "postgres")
        shutil.rmtree(home, ignore_errors=True)
