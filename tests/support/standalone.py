"""The one-process platform as its operator sees it: a command, what it prints, signals."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.support.rabbitmq import free_port

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 60.0
"""Generous: the test machine is busy. What is promised has a test of its own."""
ADMIN_PASSWORD = "correct horse battery staple"


@dataclass
class Standalone:
    """``python -m standalone`` on a data directory; may be started again and again."""

    data_dir: Path
    port: int = field(default_factory=free_port)
    admin_password: str | None = ADMIN_PASSWORD
    """None lets the first start make one up."""
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    log_home: Path | None = None
    """Where its output goes; None is beside the data directory."""
    log: Path = field(init=False)
    """What the last run has printed, both streams."""
    runs: int = 0

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """The text of `log`."""
        return self.log.read_text()

    def launch(self) -> Standalone:
        """Start the process, as the leader of a group of its own."""
        self.runs += 1
        self.log = (
            self.log_home or self.data_dir.parent
        ) / f"standalone-{id(self)}-{self.runs}.log"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("LOYALTY_")}
        settings = {
            "LOYALTY_DATA_DIR": str(self.data_dir),
            "LOYALTY_PORT": str(self.port),
            **self.environment,
        }
        if self.admin_password is not None:
            settings["LOYALTY_ADMIN_PASSWORD"] = self.admin_password
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "standalone"],
                cwd=ROOT,
                env={**inherited, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        return self

    def start(self) -> Standalone:
        """Launch, and wait until it says that it is ready."""
        self.launch()
        until = time.monotonic() + READY_WITHIN_S
        while "Loyalty is ready at" not in self.output:
            assert self._running.poll() is None, self.output
            assert time.monotonic() < until, self.output
            time.sleep(0.02)
        return self

    def wait(self, timeout_s: float = 30) -> int:
        """Wait for the end; return the exit status."""
        return self._running.wait(timeout_s)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        self._running.send_signal(number)

    def postgres_processes(self) -> list[psutil.Process]:
        """Return the processes of the embedded PostgreSQL."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.cwd() == str(self.data_dir.resolve() / "postgres"):
                    found.append(process)
        return found

    def cpu_s(self) -> float:
        """Return the processor time of the process, of PostgreSQL, and of all that has ended."""
        own = psutil.Process(self._running.pid).cpu_times()
        servers = [process.cpu_times() for process in self.postgres_processes()]
        of_servers = sum(times.user + times.system for times in servers)
        ended = own.children_user + own.children_system
        return float(own.user + own.system + ended + of_servers)

    def kill_everything(self) -> None:
        """``kill -9`` the whole process group and its PostgreSQL, at once."""
        doomed = self.postgres_processes()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running.pid, signal.SIGKILL)
        for process in doomed:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._running.wait()

    def remove(self) -> None:
        """End whatever still runs."""
        if self.process is not None:
            self.kill_everything()

    def get(self, path: str) -> Any:
        """Return the JSON at ``path``."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def printed_password(self) -> str | None:
        """Return the admin password that this run has shown."""
        found = re.search(r"password (\S+)", self.output)
        return found and found[1]

    @property
    def _running(self) -> subprocess.Popen[str]:
        assert self.process is not None
        return self.process
