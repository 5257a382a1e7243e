from __future__ import annotations

import threading

import pytest

from shared.lanes import beside, in_lanes


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


def test_what_is_begun_beside_goes_on_meanwhile_and_its_result_is_waited_for() -> None:
    meanwhile = threading.Event()
    result = beside(lambda: meanwhile.wait(timeout=10) and "done")
    meanwhile.set()
    assert result() == "done"


def test_failure_beside_is_raised_where_the_result_is_waited_for() -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    result = beside(fail)
    with pytest.raises(KeyboardInterrupt):
        result()
