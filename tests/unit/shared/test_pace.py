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
    pace = Pace(slice_s=0.04, most=400, least=50, timer=lambda: next(coming))
    return [pace.step() for _ in range(len(took) + 1)]


@pytest.mark.parametrize(
    ("took", "expected"),
    [
        ([], [400]),
        ([0.04, 0.04], [400, 400, 400]),
        ([0.08], [400, 200]),
        ([0.08, 0.04], [400, 200, 200]),
        ([0.08, 0.02, 0.02], [400, 200, 300, 400]),
        ([10.0], [400, 50]),
        ([0.0], [400, 400]),
    ],
    ids=["first", "as it should", "slow", "right", "fast again", "stuck", "no time"],
)
def test_slices_last_about_as_long_as_they_should(
    took: Sequence[float], expected: Sequence[int]
) -> None:
    assert sizes(took) == expected
