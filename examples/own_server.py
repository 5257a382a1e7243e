"""The server an example talks to: one that runs, or a fresh `standalone` in sandbox mode."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

READY_WITHIN_S = 90.0
"""How long a first start may take, creating five databases included."""

STOPS_WITHIN_S = 20.0
"""How long a clean stop may take before the process group is killed."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server listens and how its first member of staff signs in."""

    base_url: str
    admin_password: str


class NotReady(Exception):
    """The server did not start; the message ends with the last lines of its log."""


@contextmanager
def server_at(base_url: str | None, *, sandbox: bool = True) -> Iterator[Server]:
    """The named server, or a fresh one of our own.

    Args:
        base_url: Of a running sandbox server; the password of its admin comes from the environment
            variable ``LOYALTY_ADMIN_PASSWORD``.
        sandbox: Whether a fresh server has the clock that can be moved (A8).

    Raises:
        LookupError: If that variable is needed and empty.
        NotReady: If our own server does not start.
    """
    if base_url is None:
        with fresh_server(sandbox=sandbox) as server:
            yield server
        return
    password = os.environ.get("LOYALTY_ADMIN_PASSWORD")
    if not password:
        raise LookupError("Set LOYALTY_ADMIN_PASSWORD to the password of the server's admin.")
    yield Server(base_url.rstrip("/"), password)


@contextmanager
def fresh_server(*, sandbox: bool) -> Iterator[Server]:
    """Start a fresh server in a temporary directory and stop it afterwards.

    Raises:
        NotReady: If it does not answer ``/readyz`` in time.
    """
    with tempfile.TemporaryDirectory(prefix="loyalty-") as folder:
        server = Server(f"http://127.0.0.1:{_free_port()}", secrets.token_urlsafe(24))
        log = Path(folder) / "server.log"
        with _sigterm_unwinds():
            process = _start(server, Path(folder) / "data", log, sandbox=sandbox)
            try:
                _wait_until_ready(server, process, log)
                yield server
            finally:
                _stop(process)


@contextmanager
def _sigterm_unwinds() -> Iterator[None]:
    """Let SIGTERM end this process as Ctrl-C does, so that the server does not outlive it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread may say what signals do.
        return

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(server: Server, data: Path, log: Path, *, sandbox: bool) -> subprocess.Popen[bytes]:
    """Start the process in its own session, so that Ctrl-C reaches us first and it second."""
    settings = {
        "LOYALTY_PORT": server.base_url.rpartition(":")[2],
        "LOYALTY_DATA_DIR": str(data),
        "LOYALTY_SANDBOX": "1" if sandbox else "0",
        "LOYALTY_ADMIN_PASSWORD": server.admin_password,
        "LOYALTY_RATE_LIMITS": "off",
    }
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "standalone"],
            env={**os.environ, **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{server.base_url}/readyz", timeout=5.0).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    lines = log.read_text(errors="replace").splitlines()[-20:]
    raise NotReady("\n".join(["The server did not become ready. Its last words:", *lines]))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask for a clean stop; kill what is left of the process group."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
