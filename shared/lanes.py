"""The same work side by side, where each takes what the others leave (``SKIP LOCKED``)."""

from __future__ import annotations

import threading
from collections.abc import Callable


def in_lanes(lanes: int, work: Callable[[int], object]) -> None:
    """Call ``work(lane)`` for each lane at once and wait for all.

    Threads of their own rather than a pool's, whose queue would block a process that is patched to
    share one thread.

    Raises:
        Exception: what the first lane that failed raised; the others came to their end.
    """
    failures: list[Exception] = []

    def run(lane: int) -> None:
        try:
            work(lane)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(lane,)) for lane in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
