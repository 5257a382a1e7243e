"""Whose points a household pools first (L10)."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from services.points.domain.lots import Draw
from services.points.domain.pooling import gather

ANN, BEN, CAT = (UUID(int=number) for number in (1, 2, 3))


def lot(points: int, day: int | None = None) -> Draw:
    return Draw(uuid4(), points, None if day is None else datetime(2026, 5, day, tzinfo=UTC))


LOTS = {
    BEN: [lot(30, 2), lot(10, 9)],
    ANN: [lot(20, 5), lot(40)],
    CAT: [lot(50, 5)],
}


@pytest.mark.rule("L10")
@pytest.mark.parametrize(
    ("points", "given"),
    [
        (0, {}),
        (30, {BEN: 30}),
        (40, {ANN: 10, BEN: 30}),
        (51, {ANN: 20, BEN: 30, CAT: 1}),
        (115, {ANN: 25, BEN: 40, CAT: 50}),
        (150, {ANN: 60, BEN: 40, CAT: 50}),
    ],
)
def test_what_lapses_first_is_pooled_first(points: int, given: dict[UUID, int]) -> None:
    assert gather(LOTS, points) == given
