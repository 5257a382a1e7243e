"""Sizes of slices that follow each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from shared.pace import Pace


def sizes(took: Sequence[float]) -> list[int]:
    """Return the sizes of slices that took so many seconds, and of the one after them."""

    def moments() -> Iterator[float]:
        now = 100.0
        yield now
        for each in took:
            now += each
            yield now

    coming = moments()
    pace = Pace(slice_s=0.04, most=400, least=100, timer=lambda: next(coming))
    return [pace.step() for _ in range(len(took) + 1)]


@pytest.mark.parametrize(
    ("took", "expected"),
    [
        ([], [100]),
        ([0.04, 0.04], [100, 100, 100]),
        ([0.02, 0.02, 0.02, 0.02], [100, 150, 225, 338, 400]),
        ([0.02, 0.02, 0.06], [100, 150, 225, 150]),
        ([0.02, 0.02, 0.06, 0.04], [100, 150, 225, 150, 150]),
        ([10.0], [100, 100]),
        ([0.0], [100, 150]),
    ],
    ids=["first", "as it should", "fast", "slow", "right again", "stuck", "no time"],
)
def test_slices_last_about_as_long_as_they_should(
    took: Sequence[float], expected: Sequence[int]
) -> None:
    assert sizes(took) == expected
