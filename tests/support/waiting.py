"""Waiting for what happens in another thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable

HANGS_AFTER_S = 60
"""Who waits longer waits in vain, also on a machine that does much else."""


def eventually(condition: Callable[[], object], *, within_s: float = HANGS_AFTER_S) -> None:
    """Return as soon as the condition holds; fail when it does not in time."""
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, f"not within {within_s:g} s"
        time.sleep(0.02)
