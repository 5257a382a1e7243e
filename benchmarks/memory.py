"""Memory of a process and its children."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """One kind of process: how many there are, and what they take together."""

    name: str
    count: int
    pss_mb: float
    """Proportional set size in 10^6 bytes: a page that n processes share counts 1/n for each."""


def of_tree(root: psutil.Process) -> list[Usage]:
    """Return the usage of ``root`` and all below it, by the name of the program."""
    found: dict[str, tuple[int, float]] = {}
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            count, total = found.get(process.name(), (0, 0.0))
            used = process.memory_full_info().pss / 1e6
            found[process.name()] = (count + 1, total + used)
    return [Usage(name, count, total) for name, (count, total) in sorted(found.items())]
