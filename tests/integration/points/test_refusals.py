"""What is refused around sales and returns: a clear code each, and nothing changes (A2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.clock import rfc3339
from shared.contracts.members import events as members
from tests.integration.points.desk import Desk, line, refusal_of

GIFT = [line("1", 10_000_000, kind="gift_card")]


def at(desk: Desk, **delta: float) -> str:
    return rfc3339(desk.clock.now() + timedelta(**delta))


def become(desk: Desk, member: UUID, status: str) -> None:
    data = {"member_id": member, "changed": ["status"], "status": status}
    desk.hear(members.UPDATED, member, data)


def refused(desk: Desk, member: UUID, status: str) -> Any:
    become(desk, member, status)
    return desk.sell(100, member=member)


CASES: dict[str, tuple[str, int, Callable[[Desk, UUID], Any]]] = {
    "unknown member": (
        "unknown_member", 422,
        lambda desk, _: desk.sell(100, member_id=None, member_status="unknown"),
    ),
    "frozen member": (
        "account_frozen", 422, lambda desk, member: refused(desk, member, "frozen")
    ),
    "erased member": (
        "member_erased", 422, lambda desk, member: refused(desk, member, "erased")
    ),
    "closed account": (
        "account_closed", 422, lambda desk, member: refused(desk, member, "closed")
    ),
    "member that is erased, and was so when the till named it": (
        "member_erased", 422,
        lambda desk, _: desk.sell(100, member_id=None, member_status="erased"),
    ),
    "sale in the future": (
        "sale_in_future", 422,
        lambda desk, member: desk.sell(100, member=member, occurred_at=at(desk, minutes=6)),
    ),
    "sale too old": (
        "sale_too_old", 422,
        lambda desk, member: desk.sell(100, member=member, occurred_at=at(desk, hours=-73)),
    ),
    "sale in another currency": (
        "currency_mismatch", 422, lambda desk, member: desk.sell(100, member=member, currency="EUR")
    ),
    "sale id with other content": (
        "sale_id_conflict", 409, lambda desk, member: desk.sell(1, member=member, sale_id="s1")
    ),
    "counter used before": (
        "terminal_counter_conflict", 409,
        lambda desk, member: desk.sell(1, member=member, terminal_counter=1),
    ),
    "more points than there are": (
        "insufficient_points", 422,
        lambda desk, member: desk.sell(member=member, lines=GIFT, points_to_redeem=1_000),
    ),
    "points beyond half the price": (
        "redemption_out_of_range", 422,
        lambda desk, member: desk.sell(150, member=member, points_to_redeem=100),
    ),
    "points offline without an allowance": (
        "offline_allowance_exceeded", 422,
        lambda desk, member: desk.sell(
            member=member, lines=GIFT, points_to_redeem=100, occurred_at=at(desk, hours=-1)
        ),
    ),
    "return of more pieces than were sold": (
        "return_exceeds_sale", 422, lambda desk, _: desk.give_back("s1", {"1": (2, 100)})
    ),
    "return of more than it cost": (
        "return_exceeds_sale", 422, lambda desk, _: desk.give_back("s1", {"1": (1, 20_001)})
    ),
    "return of an unknown line": (
        "unknown_line", 422, lambda desk, _: desk.give_back("s1", {"9": (1, 1)})
    ),
    "return of an unknown sale": (
        "not_found", 404, lambda desk, _: desk.give_back("s9", {"1": (1, 1)})
    ),
    "return in the future": (
        "sale_in_future", 422,
        lambda desk, _: desk.give_back("s1", {"1": (1, 1)}, occurred_at=at(desk, minutes=6)),
    ),
    "return too old": (
        "sale_too_old", 422,
        lambda desk, _: desk.give_back("s1", {"1": (1, 1)}, occurred_at=at(desk, hours=-73)),
    ),
    "return id with other content": (
        "return_id_conflict", 409,
        lambda desk, _: desk.give_back("s1", {"2": (0, 2)}, return_id="r1"),
    ),
    "cancel for another reason": (
        "sale_cancelled", 409, lambda desk, _: desk.cancel("s2", reason_code="fraud")
    ),
    "return of a cancelled sale": (
        "sale_cancelled", 409, lambda desk, _: desk.give_back("s2", {"1": (1, 1)})
    ),
}  # fmt: skip


@pytest.mark.rule("A2")
@pytest.mark.parametrize("name", CASES)
def test_refusal_has_its_code_and_changes_nothing(desk: Desk, name: str) -> None:
    member = uuid4()
    desk.sell(20_000, 20_000, member=member, sale_id="s1", terminal_counter=1)
    desk.give_back("s1", {"2": (0, 1_000)}, return_id="r1")
    desk.sell(100, sale_id="s2")
    desk.cancel("s2")
    before = desk.points(member)["balances"], desk.journal(member)
    code, status, act = CASES[name]
    refusal = refusal_of(lambda: act(desk, member))
    assert (refusal.code, refusal.status) == (code, status)
    assert (desk.points(member)["balances"], desk.journal(member)) == before
    assert desk.verify()["ok"]


@pytest.mark.rule("S1", "S4")
def test_exchange_is_a_return_and_a_sale(desk: Desk) -> None:
    member = uuid4()
    desk.sell(20_000, member=member, sale_id="worn")
    desk.sell(40_000, member=member, sale_id="paid", points_to_redeem=200)
    assert desk.available(member) == 398
    back = desk.give_back("paid", {"1": (1, 40_000)}, reason_code="wrong_item").body
    assert back["refund"] == {"money_minor": 39_800, "points": 200}
    assert back["balances"]["available"] == 200
    again = desk.sell(40_000, member=member, points_to_redeem=200).body
    assert again["balances"]["available"] == 398
    assert desk.verify()["ok"]


@pytest.mark.rule("S1", "S4")
def test_cancel_after_a_partial_return_of_mixed_tender_takes_the_rest(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30_000, member=member)
    lines = [line("1", 6_000, quantity=2), line("2", 4_000)]
    earned = desk.sell(member=member, lines=lines, sale_id="s1", points_to_redeem=300).body
    assert earned["points"]["earned"] == 97
    first = desk.give_back("s1", {"1": (1, 3_000)}).body
    assert (first["refund"]["points"], first["refund"]["money_minor"]) == (90, 2_910)
    rest = desk.cancel("s1").body
    assert (rest["refund"]["points"], rest["refund"]["money_minor"]) == (210, 6_790)
    taken = first["points"]["clawed_back"] + rest["points"]["clawed_back"]
    assert taken == 97
    assert desk.available(member) == 300
    assert desk.verify()["ok"]


@pytest.mark.rule("S3", "L6")
def test_return_after_spending_leaves_debt_that_the_next_earn_repays_first(desk: Desk) -> None:
    member = uuid4()
    desk.sell(50_000, member=member, sale_id="s1")
    desk.sell(member=member, lines=GIFT, points_to_redeem=450)
    back = desk.give_back("s1", {"1": (1, 50_000)}).body
    assert back["points"] == {"clawed_back": 50, "restored": 0, "debt": 450, "uncollected": 0}
    after = desk.sell(60_000, member=member).body["balances"]
    assert after == {"available": 150, "pending": 0, "held": 0, "debt": 0}
    assert [each["type"] for each in desk.journal(member)][-2:] == ["earn", "debt_repay"]
