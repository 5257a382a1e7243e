"""However a sale comes back, in whatever parts and order, it costs the same points (S1, S4)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.points.domain.returns import SoldLine, Taken, claim, claim_rest, restorable

LINES = st.lists(
    st.tuples(st.integers(0, 5_000), st.integers(0, 300), st.integers(1, 5)),
    min_size=1,
    max_size=4,
).map(
    lambda lines: [
        SoldLine(str(place), pieces, value, points if value else 0)
        for place, (value, points, pieces) in enumerate(lines)
    ]
)


@st.composite
def returned(draw: st.DrawFn) -> tuple[list[SoldLine], list[dict[str, Taken]]]:
    """Draw a sale, and a cut of it into returns, in any order, of one or of several lines."""
    lines = draw(LINES)
    parts: list[tuple[str, Taken]] = []
    for line in lines:
        cuts = sorted(draw(st.lists(st.integers(0, line.value_minor), max_size=4)))
        edges = [0, *cuts, line.value_minor]
        values = [high - low for low, high in pairwise(edges)]
        last = draw(st.integers(0, len(values) - 1))
        parts += [
            (line.line_id, Taken(line.quantity if place == last else 0, value))
            for place, value in enumerate(values)
        ]
    returns: list[dict[str, Taken]] = []
    for line_id, part in draw(st.permutations(parts)):
        if returns and line_id not in returns[-1] and draw(st.booleans()):
            returns[-1][line_id] = part
        else:
            returns.append({line_id: part})
    return lines, returns


@pytest.mark.rule("S1")
@given(case=returned())
def test_any_cut_and_order_of_returns_claws_what_one_full_return_does(
    case: tuple[list[SoldLine], list[dict[str, Taken]]],
) -> None:
    lines, returns = case
    whole = claim_rest(lines)
    clawed, refunded = 0, 0
    for parts in returns:
        found = claim(lines, parts)
        assert found.claw >= 0
        clawed, refunded = clawed + found.claw, refunded + found.refund_minor
        lines = list(found.lines_after)
        for line in lines:
            # Never more on the way than the share of what has come back.
            assert line.clawed_back * line.value_minor <= line.points * line.refunded_minor
    assert (clawed, refunded) == (whole.claw, whole.refund_minor)
    assert clawed == sum(line.points for line in lines)
    assert found.is_full
    assert claim_rest(lines).claw == 0


@pytest.mark.rule("S1")
@given(case=returned(), stop=st.integers(0, 8))
def test_cancel_after_partial_returns_takes_exactly_the_rest(
    case: tuple[list[SoldLine], list[dict[str, Taken]]], stop: int
) -> None:
    lines, returns = case
    sold = lines
    clawed = 0
    for parts in returns[:stop]:
        found = claim(lines, parts)
        clawed, lines = clawed + found.claw, list(found.lines_after)
    assert clawed + claim_rest(lines).claw == sum(line.points for line in sold)


@pytest.mark.rule("S4")
@given(
    spent=st.integers(0, 1_000),
    refunds=st.lists(st.integers(1, 500), min_size=1, max_size=8),
)
def test_spent_points_come_home_whole_and_never_early(spent: int, refunds: list[int]) -> None:
    paid, refunded, restored = sum(refunds), 0, 0
    for refund in refunds:
        refunded += refund
        restored += restorable(spent, paid, refunded, restored)
        assert restored * paid <= spent * refunded
    assert restored == spent
