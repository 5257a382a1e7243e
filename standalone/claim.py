"""What an instance takes for itself before it does anything: directory, port and keys."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from standalone.datadir import DataDirectory, Keys
from standalone.http import bind
from standalone.settings import StandaloneSettings


@dataclass(frozen=True, slots=True)
class Claim:
    """Held until the process ends."""

    settings: StandaloneSettings
    data: DataDirectory
    socket: socket.socket
    """Bound and listening; nobody answers yet."""
    keys: Keys


def claim(settings: StandaloneSettings) -> Claim:
    """Take everything.

    Raises:
        Refusal: something cannot be had; nothing was changed.
    """
    data = DataDirectory(settings.data_dir)
    data.acquire()
    return Claim(settings, data, bind(settings.host, settings.port), data.keys())
