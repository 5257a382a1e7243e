from __future__ import annotations

import threading

import pytest

from shared.lanes import in_lanes


def test_lanes_work_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=10)
    in_lanes(3, lambda _lane: meeting.wait())
    assert not meeting.broken


def test_failure_of_one_lane_is_told_once_all_have_ended() -> None:
    ended = []

    def work(lane: int) -> None:
        if lane == 0:
            raise LookupError("lane 0")
        ended.append(lane)

    with pytest.raises(LookupError, match="lane 0"):
        in_lanes(3, work)
    assert sorted(ended) == [1, 2]
