"""Points that become available later (E5), and that claws take first (S3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.points.domain.ledger import Recovery, RecoveryPolicy
from services.points.repository.book import Book
from services.points.repository.journal import Cause
from shared.db import UnitOfWork
from tests.integration.points.desk import Desk, line, refusal_of

DAY = timedelta(days=1)
GIFT = [line("1", 10_000_000, kind="gift_card")]


def earn(desk: Desk, member: UUID, points: int, *, wait: timedelta = 7 * DAY,
         lasts: timedelta | None = 60 * DAY, rule: str = "base@1") -> UUID:  # fmt: skip
    """Award points that wait; returns their lot."""

    def award(uow: UnitOfWork) -> UUID:
        book = Book(uow)
        book.open([member])
        cause = Cause("sale", str(uuid4()), uow.now, rule)
        expires_at = None if lasts is None else uow.now + lasts
        _, lot_id = book.earn(
            member, points, cause, expires_at=expires_at, activates_at=uow.now + wait
        )
        book.flush()
        return lot_id

    made: UUID = desk.service.db.run(award)
    return made


def claw(
    desk: Desk,
    member: UUID,
    points: int,
    lots: list[UUID],
    policy: str = "debt",
    *,
    debt_limit: int = 30,
) -> Recovery:
    """Take points back that came as some lots."""

    def take(uow: UnitOfWork) -> Recovery:
        book = Book(uow)
        book.open([member])
        programme = replace(
            desk.service.programme, recovery=RecoveryPolicy(policy), debt_limit=debt_limit
        )
        cause = Cause("return", str(uuid4()), uow.now)
        met = book.claw(member, points, cause, lots=lots, programme=programme)
        book.flush()
        return met

    met: Recovery = desk.service.db.run(take)
    return met


def balances(desk: Desk, member: UUID) -> tuple[int, int, int]:
    shown = desk.points(member)["balances"]
    return shown["available"], shown["pending"], shown["debt"]


def entries(desk: Desk, member: UUID) -> list[tuple[str, int]]:
    return [(entry["type"], entry["points"]) for entry in desk.journal(member)]


def spend(desk: Desk, member: UUID, points: int) -> Any:
    return desk.sell(lines=GIFT, member=member, points_to_redeem=points)


@pytest.mark.rule("E5")
def test_pending_points_cannot_be_spent(desk: Desk) -> None:
    member = uuid4()
    earn(desk, member, 300)
    assert balances(desk, member) == (0, 300, 0)
    assert desk.points(member)["expiring"] == []
    assert refusal_of(lambda: spend(desk, member, 100)).code == "insufficient_points"
    assert entries(desk, member) == [("earn", 0)]
    assert desk.verify()["ok"]


@pytest.mark.rule("E5")
def test_spend_leaves_pending_lots_alone(desk: Desk) -> None:
    member = uuid4()
    earn(desk, member, 300, lasts=DAY * 8)
    desk.sell(20000, member=member)
    spend(desk, member, 150)
    assert balances(desk, member) == (50, 300, 0)
    assert desk.verify()["ok"]


@pytest.mark.rule("E5")
def test_points_are_available_from_their_instant_on_before_any_sweep(desk: Desk) -> None:
    member = uuid4()
    earn(desk, member, 300)
    desk.clock.advance(days=7, microseconds=-1)
    assert balances(desk, member) == (0, 300, 0)
    desk.clock.advance(microseconds=1)
    assert balances(desk, member) == (300, 0, 0)
    assert [part["points"] for part in desk.points(member)["expiring"]] == [300]
    assert entries(desk, member) == [("earn", 0)]
    spend(desk, member, 300)
    assert entries(desk, member) == [("earn", 0), ("activate", 300), ("redeem", -300)]
    assert desk.verify()["ok"]


@pytest.mark.rule("E5", "L7")
def test_activation_is_journalled_once_by_whoever_comes_first(desk: Desk) -> None:
    member = uuid4()
    earn(desk, member, 300)
    desk.clock.advance(days=8)
    for _ in range(2):
        desk.service.expire_lots()
    assert entries(desk, member) == [("earn", 0), ("activate", 300)]
    assert desk.journal(member)[1]["occurred_at"] == "2026-03-17T04:00:00Z"
    assert desk.verify()["ok"]


@pytest.mark.rule("E5", "L4")
def test_sweep_knows_what_comes_after_an_activation(desk: Desk) -> None:
    member = uuid4()
    earn(desk, member, 300, wait=DAY, lasts=3 * DAY)
    earn(desk, member, 200, wait=2 * DAY, lasts=None)
    for expected in [(300, 200, 0), (500, 0, 0), (200, 0, 0)]:
        desk.clock.advance(days=1)
        desk.service.expire_lots()
        assert balances(desk, member) == expected
    assert len(entries(desk, member)) == 5
    assert desk.verify()["ok"]


@pytest.mark.rule("E5", "L6")
def test_debt_is_repaid_at_activation_not_at_the_award(desk: Desk) -> None:
    member = uuid4()
    claw(desk, member, 25, [])
    earn(desk, member, 100)
    assert balances(desk, member) == (0, 100, 25)
    desk.clock.advance(days=7)
    assert balances(desk, member) == (75, 0, 0)
    desk.service.expire_lots()
    assert balances(desk, member) == (75, 0, 0)
    assert entries(desk, member)[2:] == [("activate", 100), ("debt_repay", -25)]
    assert desk.verify()["ok"]


@pytest.mark.rule("E5", "L4")
@pytest.mark.parametrize("lasts", [DAY * 7, DAY * 3])
def test_lot_that_lapses_no_later_than_it_activates_is_never_available(
    desk: Desk, lasts: timedelta
) -> None:
    member = uuid4()
    claw(desk, member, 25, [])
    earn(desk, member, 100, lasts=lasts)
    desk.clock.advance(days=lasts.days)
    assert balances(desk, member) == (0, 0, 25)
    assert desk.points(member)["lifetime"]["expired"] == 100
    desk.clock.advance(days=5)
    desk.service.expire_lots()
    assert entries(desk, member) == [("clawback", 0), ("earn", 0), ("expire", 0)]
    assert balances(desk, member) == (0, 0, 25)
    assert desk.verify()["ok"]


@pytest.mark.rule("E5", "L4")
def test_lot_that_activated_and_lapsed_before_the_sweep_repaid_debt_between(desk: Desk) -> None:
    member = uuid4()
    claw(desk, member, 25, [])
    earn(desk, member, 100, wait=DAY, lasts=2 * DAY)
    desk.clock.advance(days=3)
    assert balances(desk, member) == (0, 0, 0)
    desk.service.expire_lots()
    assert balances(desk, member) == (0, 0, 0)
    assert desk.points(member)["lifetime"]["expired"] == 75
    assert desk.verify()["ok"]


@pytest.mark.rule("E5")
def test_activation_that_is_past_counts_at_once(desk: Desk) -> None:
    member = uuid4()
    earn(desk, member, 100, wait=-DAY)
    assert balances(desk, member) == (100, 0, 0)
    assert entries(desk, member) == [("earn", 100)]


@pytest.mark.rule("S3")
def test_claw_takes_pending_then_own_lots_then_others(desk: Desk) -> None:
    member = uuid4()
    other = earn(desk, member, 50, wait=-DAY, lasts=DAY)
    waiting = earn(desk, member, 30)
    ready = earn(desk, member, 20, wait=-DAY)
    foreign = earn(desk, member, 10)
    lots = [ready, waiting]
    assert claw(desk, member, 40, lots) == Recovery(30, 10, 0, 0)
    taken = desk.journal(member)[-1]["lots"]
    assert {part["lot_id"]: part["points"] for part in taken} == {
        str(waiting): -30, str(ready): -10,
    }  # fmt: skip
    assert claw(desk, member, 100, lots) == Recovery(0, 60, 30, 10)
    taken = desk.journal(member)[-1]["lots"]
    assert [part["lot_id"] for part in taken] == [str(ready), str(other)]
    assert balances(desk, member) == (0, 10, 30)
    assert desk.verify()["ok"]
    desk.clock.advance(days=7)
    desk.service.expire_lots()
    assert str(foreign) == desk.journal(member)[-1]["reference"]["id"]
    assert balances(desk, member) == (0, 0, 20)
    assert desk.verify()["ok"]


@pytest.mark.rule("S3")
@pytest.mark.parametrize(
    ("policy", "met"),
    [
        ("only_pending", Recovery(30, 0, 0, 170)),
        ("within_balance", Recovery(30, 70, 0, 100)),
        ("debt", Recovery(30, 70, 30, 70)),
    ],
)
def test_claw_goes_as_far_as_the_policy(desk: Desk, policy: str, met: Recovery) -> None:
    member = uuid4()
    lots = [earn(desk, member, 30), earn(desk, member, 20, wait=-DAY)]
    earn(desk, member, 50, wait=-DAY)
    assert claw(desk, member, 200, lots, policy) == met
    assert desk.verify()["ok"]


@pytest.mark.rule("E5", "L7")
def test_several_awards_of_one_sale_each_repay_debt(desk: Desk) -> None:
    member = uuid4()
    claw(desk, member, 30, [])

    def award(uow: UnitOfWork) -> None:
        book = Book(uow)
        book.open([member])
        for rule in ("base@1", "bonus@1"):
            cause = Cause("sale", "s1", uow.now, rule)
            book.earn(member, 20, cause, expires_at=None)
        book.flush()

    desk.service.db.run(award)
    assert balances(desk, member) == (10, 0, 0)
    assert desk.verify()["ok"]
