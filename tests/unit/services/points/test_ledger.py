from __future__ import annotations

from dataclasses import asdict

import pytest

from services.points.domain.ledger import (
    Figures,
    Posting,
    Recovery,
    earn,
    expire,
    recover,
    redeem,
    repay,
    restore,
)


@pytest.mark.rule("L1")
@pytest.mark.parametrize("wrong", [("a", "a", 1), ("a", "b", 0), ("a", "b", -1)])
def test_posting_moves_points_between_two_accounts(wrong: tuple[str, str, int]) -> None:
    with pytest.raises(ValueError, match="no posting"):
        Posting(*wrong)


@pytest.mark.rule("L1", "L2")
def test_figures_are_the_sums_of_postings() -> None:
    figures = Figures()
    for postings in (
        earn(100),
        redeem(30),
        restore(10),
        expire(20),
        Recovery(60, 40, 5).postings,
        earn(15),
        repay(15),
    ):
        figures = figures.after(postings)
    found = {name: value for name, value in asdict(figures).items() if value}
    assert found == {"debt": 25, "earned": 115, "redeemed": 20, "expired": 20, "clawed_back": 100}
    lifetime = figures.earned - figures.redeemed - figures.expired - figures.clawed_back
    assert lifetime == figures.available - figures.debt


@pytest.mark.rule("L6")
def test_available_never_falls_below_zero() -> None:
    with pytest.raises(ValueError, match="overdraw"):
        Figures(available=5, earned=5).after(redeem(6))
    with pytest.raises(ValueError, match="overdraw"):
        Figures(available=5, debt=2).after(repay(3))


@pytest.mark.rule("S3")
@pytest.mark.parametrize(
    ("claw", "available", "debt", "met"),
    [
        (10, 10, 0, (10, 0, 0)),
        (10, 4, 0, (4, 6, 0)),
        (10, 4, 95, (4, 5, 1)),
        (10, 0, 100, (0, 0, 10)),
        (10, 0, 120, (0, 0, 10)),
        (0, 5, 0, (0, 0, 0)),
    ],
)
def test_claw_is_met_from_points_then_debt_then_given_up(
    claw: int, available: int, debt: int, met: tuple[int, int, int]
) -> None:
    assert recover(claw, Figures(available=available, debt=debt), 100) == Recovery(*met)
