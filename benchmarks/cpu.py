"""CPU time of this process, of what it waited for, and of the PostgreSQL servers below it."""

from __future__ import annotations

import contextlib

import psutil

POSTGRES = "postgres"


def seconds() -> tuple[float, float]:
    """Return seconds of user and system time so far: of the Python processes, and of PostgreSQL.

    A worker counts once it has been waited for.
    """
    own = psutil.Process().cpu_times()
    servers = [each for each in psutil.Process().children() if each.name() == POSTGRES]
    # What they waited for themselves are sessions that have ended.
    database = sum(map(_with_ended, servers))
    for server in servers:
        database += sum(map(_own, server.children()))
    python = own.user + own.system + own.children_user + own.children_system
    return python, database


def _with_ended(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _own(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0
