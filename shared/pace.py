"""How much to do in one go, where others wait for its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

GROWTH = 1.5


@dataclass(slots=True)
class Pace:
    """The size of slices that follow each other, each lasting about as long as it should.

    A machine that has other things to do gets smaller slices, not longer ones. How fast it is shows
    only by and by, so they begin small.

    Args:
        slice_s: how long a slice should last, with its commit.
        most: the largest slice.
        least: the smallest, and the first; it may last longer.
        timer: counts seconds.
    """

    slice_s: float
    most: int
    least: int
    timer: Callable[[], float] = time.monotonic
    _size: float = field(init=False)
    _begun: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Begin with the smallest slice."""
        self._size = self.least

    def step(self) -> int:
        """Return the size of the slice that begins now; the one before has ended."""
        now = self.timer()
        if self._begun is not None:
            took = max(now - self._begun, self.slice_s / 1_000)
            wanted = self._size * min(self.slice_s / took, GROWTH)
            self._size = min(max(wanted, self.least), self.most)
        self._begun = now
        return round(self._size)
