from __future__ import annotations

import pytest

from services.points.domain.counters import Gap, gaps_after, remaining


@pytest.mark.rule("S5")
@pytest.mark.parametrize(
    ("last", "seen", "gaps"),
    [
        (5, [6], []),
        (5, [6, 7, 8], []),
        (5, [7], [Gap(6, 6)]),
        (5, [9, 7], [Gap(6, 6), Gap(8, 8)]),
        (5, [3, 5], []),
        (5, [], []),
        (0, [2**53], [Gap(1, 2**53 - 1)]),
    ],
)
def test_gap_is_whatever_lies_between(last: int, seen: list[int], gaps: list[Gap]) -> None:
    assert gaps_after(last, seen) == gaps


@pytest.mark.rule("S5")
@pytest.mark.parametrize(
    ("seen", "left"),
    [
        ([1, 20], [Gap(5, 9)]),
        ([5], [Gap(6, 9)]),
        ([9], [Gap(5, 8)]),
        ([7], [Gap(5, 6), Gap(8, 9)]),
        ([5, 7, 9], [Gap(6, 6), Gap(8, 8)]),
        ([5, 6, 7, 8, 9], []),
    ],
)
def test_late_numbers_leave_what_is_still_missing(seen: list[int], left: list[Gap]) -> None:
    assert remaining(Gap(5, 9), seen) == left
