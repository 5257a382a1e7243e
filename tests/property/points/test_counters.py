"""Whatever numbers arrive in whatever order, the gaps are what never did (S5)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.points.domain.counters import Gap, gaps_after, remaining

NUMBERS = st.sets(st.integers(0, 30), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.rule("S5")
@given(reports=st.lists(NUMBERS, min_size=1, max_size=6))
def test_gaps_are_exactly_what_never_arrived(reports: list[set[int]]) -> None:
    first = min(reports[0])
    gaps: list[Gap] = []
    last, arrived = first, {first}
    for seen in reports:
        gaps = [left for gap in gaps for left in remaining(gap, seen)] + gaps_after(last, seen)
        last, arrived = max(last, *seen), arrived | seen
    missing = {number for gap in gaps for number in range(gap.first, gap.last + 1)}
    assert missing == set(range(first, last)) - arrived
    assert sum(gap.last - gap.first + 1 for gap in gaps) == len(missing)
