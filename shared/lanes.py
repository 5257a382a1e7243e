"""Work side by side: in lanes that take what the others leave, or beside its caller."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


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


def beside(act: Callable[[], T]) -> Callable[[], T]:
    """Begin ``act`` beside what the caller does next; what is returned waits for its result.

    For an act that waits for somebody else, such as the database. Whoever calls it waits for the
    end of each before it uses what the act uses. What the act raises is raised there.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(act())
        except BaseException as failure:  # raised where it is waited for
            failures.append(failure)

    def result() -> T:
        thread.join()
        if failures:
            raise failures[0]
        return results[0]

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0)  # in a process that shares one thread it begins only when somebody gives way
    return result
