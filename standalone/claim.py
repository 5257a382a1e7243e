"""What an instance takes for itself before it does anything: directory, port and keys."""

from __future__ import annotations

from dataclasses import dataclass
from socket import socket as Socket

from standalone.datadir import DataDirectory, Keys
from standalone.http import bind
from standalone.settings import StandaloneSettings


@dataclass(frozen=True, slots=True)
class Claim:
    """Held until the process ends."""

    settings: StandaloneSettings
    data: DataDirectory
    socket: Socket
    """Bound and listening; nobody answers yet."""
    metrics_socket: Socket | None
    keys: Keys


def claim(settings: StandaloneSettings) -> Claim:
    """Take everything.

    Raises:
        Refusal: something cannot be had; nothing was changed.
    """
    data = DataDirectory(settings.data_dir)
    data.acquire()
    metrics = None
    if settings.metrics_port is not None:
        metrics = bind(settings.host, settings.metrics_port, setting="LOYALTY_METRICS_PORT")
    return Claim(settings, data, bind(settings.host, settings.port), metrics, data.keys())
