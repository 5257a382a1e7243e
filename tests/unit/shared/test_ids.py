from __future__ import annotations

import time

import pytest

from shared.ids import new_id


@pytest.mark.rule("A1")
def test_ids_rise_and_are_never_ahead_of_the_clock_however_fast_they_are_drawn() -> None:
    ids = [new_id() for _ in range(5_000)]
    assert ids == sorted(set(ids))
    assert {each.version for each in ids} == {7}
    assert ids[-1].int >> 80 <= time.time_ns() // 10**6
