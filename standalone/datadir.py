"""The directory that holds everything a standalone platform remembers, used by one process at once.

``lock`` (who uses it), ``keys.json`` (secrets), ``postgres/`` and ``postgres.log``.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from shared.security.crypto import new_key
from standalone.refusal import WRONG_SETTING, Refusal


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets made at the first start; without them the stored data cannot be read."""

    master_key: str
    lookup_key: str
    gateway_secret: str

    def __repr__(self) -> str:
        """Hide the secrets."""
        return "Keys(****)"


class DataDirectory:
    """The data directory, locked by this process until it ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.postgres = path / "postgres"
        self._keys = path / "keys.json"
        self._lock: IO[str] | None = None

    def acquire(self) -> None:
        """Make the directory if need be and take it for this process.

        Raises:
            Refusal: it cannot be written, or another process has it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # Kept open, and not inherited by PostgreSQL: the lock goes with this process alone.
            self._lock = (self.path / "lock").open("a+")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Refusal(
                f"The data directory {self.path} cannot be written ({reason})."
                " Set LOYALTY_DATA_DIR to one that can.",
                WRONG_SETTING,
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            pid = self._lock.read().strip() or "unknown"
            raise Refusal(
                f"Another instance (pid {pid}) uses the data directory {self.path}."
                " Stop it, or set LOYALTY_DATA_DIR to another directory."
            ) from None
        self._lock.truncate(0)
        self._lock.write(f"{os.getpid()}\n")
        self._lock.flush()

    def keys(self) -> Keys:
        """Return the secrets, made and stored at the first start.

        Raises:
            Refusal: the file is unreadable, or gone while there is data that needs it.
        """
        try:
            return Keys(**json.loads(self._keys.read_text()))
        except FileNotFoundError:
            if self.postgres.exists():
                raise Refusal(
                    f"{self._keys} is missing, but {self.postgres} holds data encrypted with its"
                    " keys. Restore the file, or move the data directory away to start anew.",
                    WRONG_SETTING,
                ) from None
            return self._make_keys()
        except (ValueError, TypeError):
            raise Refusal(
                f"{self._keys} cannot be read. Restore it from a backup.", WRONG_SETTING
            ) from None

    def _make_keys(self) -> Keys:
        """Write the file aside, sync it and rename: after a crash it is whole or not there."""
        keys = Keys(new_key(), new_key(), new_key())
        aside = self._keys.with_suffix(".new")
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(keys), file)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(self._keys)
        directory = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return keys
