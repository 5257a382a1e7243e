from __future__ import annotations

from dataclasses import asdict

import pytest

from services.points.domain.ledger import (
    Figures,
    Posting,
    Recovery,
    RecoveryPolicy,
    earn,
    expire,
    free,
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
        Recovery(0, 60, 40, 5).postings,
        earn(15),
        repay(15),
    ):
        figures = figures.after(postings)
    found = {name: value for name, value in asdict(figures).items() if value}
    assert found == {"debt": 25, "earned": 115, "redeemed": 20, "expired": 20, "clawed_back": 100}
    lifetime = figures.earned - figures.redeemed - figures.expired - figures.clawed_back
    assert lifetime == figures.available - figures.debt


@pytest.mark.rule("L1", "E5")
def test_pending_points_move_to_available_or_leave() -> None:
    figures = Figures()
    for postings in (
        earn(100, "pending"),
        free(60, "pending"),
        expire(30, "pending"),
        Recovery(8, 0, 0, 0).postings,
    ):
        figures = figures.after(postings)
    assert figures == Figures(available=60, pending=2, earned=100, expired=30, clawed_back=8)
    assert figures.in_lots == 62


@pytest.mark.rule("L6")
def test_available_never_falls_below_zero() -> None:
    with pytest.raises(ValueError, match="overdraw"):
        Figures(available=5, earned=5).after(redeem(6))
    with pytest.raises(ValueError, match="overdraw"):
        Figures(available=5, debt=2).after(repay(3))


@pytest.mark.rule("S3")
@pytest.mark.parametrize(
    ("claw", "available", "pending", "debt", "met"),
    [
        (10, 10, 0, 0, (0, 10, 0, 0)),
        (10, 4, 0, 0, (0, 4, 6, 0)),
        (10, 4, 0, 95, (0, 4, 5, 1)),
        (10, 0, 0, 100, (0, 0, 0, 10)),
        (10, 0, 0, 120, (0, 0, 0, 10)),
        (10, 4, 3, 99, (3, 4, 1, 2)),
        (10, 4, 12, 0, (10, 0, 0, 0)),
        (0, 5, 3, 0, (0, 0, 0, 0)),
    ],
)
def test_claw_is_met_from_points_then_debt_then_given_up(
    claw: int, available: int, pending: int, debt: int, met: tuple[int, int, int, int]
) -> None:
    figures = Figures(available=available, debt=debt)
    assert recover(claw, figures, pending, RecoveryPolicy.DEBT, 100) == Recovery(*met)


@pytest.mark.rule("S3")
@pytest.mark.parametrize(
    ("policy", "met"), [("only_pending", (3, 0, 0, 7)), ("within_balance", (3, 4, 0, 3))]
)
def test_stricter_policies_give_more_up(policy: str, met: tuple[int, int, int, int]) -> None:
    figures = Figures(available=4)
    assert recover(10, figures, 3, RecoveryPolicy(policy), 100) == Recovery(*met)
