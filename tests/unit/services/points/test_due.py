from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.points.domain.due import Parcel, catch_up
from services.points.domain.ledger import Figures

NOW = datetime(2026, 3, 10, tzinfo=UTC)


def on(day: int) -> datetime:
    """Return an instant so many days from now."""
    return NOW + timedelta(days=day)


def pending(points: int, freed: int, lapses: int | None = None) -> Parcel:
    return Parcel(points, None if lapses is None else on(lapses), "pending", on(freed))


def available(points: int, lapses: int | None = None) -> Parcel:
    return Parcel(points, None if lapses is None else on(lapses))


@pytest.mark.rule("E5", "L4")
@pytest.mark.parametrize(
    ("parcel", "after"),
    [
        (pending(10, freed=1), Figures(pending=10, earned=10)),
        (pending(10, freed=0), Figures(available=10, earned=10)),
        (pending(10, freed=0, lapses=1), Figures(available=10, earned=10)),
        (pending(10, freed=-2, lapses=-1), Figures(expired=10, earned=10)),
        (pending(10, freed=0, lapses=0), Figures(expired=10, earned=10)),
        (pending(10, freed=2, lapses=0), Figures(expired=10, earned=10)),
        (pending(10, freed=2, lapses=1), Figures(pending=10, earned=10)),
    ],
)
def test_pending_points_become_available_or_lapse_at_their_instant(
    parcel: Parcel, after: Figures
) -> None:
    figures, usable = catch_up(Figures(pending=10, earned=10), [parcel], NOW)
    assert figures == after
    assert sum(left.points for left in usable) == after.available


@pytest.mark.rule("L4")
@pytest.mark.parametrize(("lapses", "left"), [(None, 10), (1, 10), (0, 0), (-1, 0)])
def test_available_points_lapse_at_their_instant(lapses: int | None, left: int) -> None:
    figures, usable = catch_up(Figures(available=10), [available(10, lapses)], NOW)
    assert (figures.available, figures.expired) == (left, 10 - left)
    assert [parcel.points for parcel in usable] == ([left] if left else [])


@pytest.mark.rule("L6")
def test_debt_is_repaid_from_what_becomes_available_first() -> None:
    parcels = [pending(10, freed=-1, lapses=5), pending(10, freed=-2), available(3)]
    figures, usable = catch_up(Figures(available=3, pending=20, debt=12), parcels, NOW)
    assert (figures.available, figures.pending, figures.debt) == (11, 0, 0)
    assert [(parcel.points, parcel.expires_at) for parcel in usable] == [(3, None), (8, on(5))]


@pytest.mark.rule("L4", "L6")
def test_points_repay_debt_before_they_lapse_but_not_after() -> None:
    parcels = [pending(10, freed=-3, lapses=-2), pending(10, freed=-1, lapses=-1)]
    figures, _ = catch_up(Figures(pending=20, debt=15), parcels, NOW)
    assert (figures.debt, figures.expired, figures.available) == (5, 10, 0)


@pytest.mark.rule("L6")
def test_of_what_becomes_available_at_once_the_sooner_to_lapse_repays_debt() -> None:
    parcels = [pending(10, freed=-1), pending(10, freed=-1, lapses=5)]
    figures, usable = catch_up(Figures(pending=20, debt=12), parcels, NOW)
    assert (figures.available, figures.debt) == (8, 0)
    assert [(parcel.points, parcel.expires_at) for parcel in usable] == [(8, None)]


@pytest.mark.rule("L4", "E5")
def test_points_that_lapse_while_pending_keep_no_others_from_becoming_available() -> None:
    parcels = [pending(10, freed=-1, lapses=-2), pending(5, freed=0)]
    figures, usable = catch_up(Figures(pending=15), parcels, NOW)
    assert figures == Figures(available=5, expired=10)
    assert [parcel.points for parcel in usable] == [5]


@pytest.mark.rule("L4", "L5")
def test_points_freed_from_a_hold_lapse_if_their_lot_has() -> None:
    held = [
        Parcel(10, on(-1), "held", on(0)),
        Parcel(7, on(1), "held", on(0)),
        Parcel(5, on(1), "held", on(1)),
    ]
    figures, usable = catch_up(Figures(held=22), held, NOW)
    assert figures == Figures(available=7, held=5, expired=10)
    assert [parcel.points for parcel in usable] == [7]
