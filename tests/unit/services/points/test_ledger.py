from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

import pytest

from services.points.domain.ledger import (
    Figures,
    Posting,
    Recovery,
    RecoveryPolicy,
    adjust,
    capture,
    earn,
    expire,
    free,
    hold,
    recover,
    redeem,
    repay,
    restore,
    transfer_in,
    transfer_out,
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


@pytest.mark.rule("S3")
def test_two_claws_together_are_met_as_each_is() -> None:
    together = Recovery(1, 2, 3, 4) + Recovery(10, 20, 30, 40)
    assert together == Recovery(pending=11, available=22, owed=33, uncollected=44)
    assert together.taken == 33


@pytest.mark.rule("L5")
def test_held_points_are_spent_or_come_back_and_are_no_one_else_s_meanwhile() -> None:
    holding = Figures(available=100, earned=100).after(hold(60))
    assert holding == Figures(available=40, held=60, earned=100)
    ended = holding.after(capture(45)).after(free(15, "held"))
    assert ended == Figures(available=55, earned=100, redeemed=45)


@pytest.mark.rule("L5")
def test_no_more_is_held_or_captured_than_there_is() -> None:
    with pytest.raises(ValueError, match="overdraw"):
        Figures(available=5).after(hold(6))
    with pytest.raises(ValueError, match="overdraw"):
        Figures(available=9, held=5).after(capture(6))
    with pytest.raises(ValueError, match="overdraw"):
        Figures(pending=5).after(free(6, "pending"))


@pytest.mark.rule("L9")
@pytest.mark.parametrize(("points", "available"), [(1, 101), (70, 170), (-1, 99), (-100, 0)])
def test_adjustment_gives_or_takes_and_is_neither_earned_nor_spent(
    points: int, available: int
) -> None:
    adjusted = Figures(available=100, earned=100).after(adjust(points))
    assert adjusted == Figures(available=available, earned=100, adjusted=points)


@pytest.mark.rule("L9")
def test_adjustment_by_nothing_is_no_movement() -> None:
    with pytest.raises(ValueError, match="no posting"):
        adjust(0)


@pytest.mark.rule("L10")
def test_transfer_takes_from_one_what_it_gives_the_other_and_names_both() -> None:
    giver, taker = UUID(int=1), UUID(int=2)
    out, into = transfer_out(30, taker), transfer_in(30, giver)
    assert Figures(available=100).after(out) == Figures(available=70, adjusted=-30)
    assert Figures(debt=5).after(into) == Figures(available=30, debt=5, adjusted=30)
    assert [posting.counterparty_id for posting in (*out, *into)] == [taker, giver]
