"""Sales without a member that find one by their receipt code (S6)."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.calls import Actor, Reply
from shared.contracts.members import events as members
from shared.contracts.points import rpc
from tests.integration.points.desk import SHOP, TILL, Desk, codes, in_parallel, line, refusal_of


def anonymous(desk: Desk, *nets: int, sale_id: str = "s1", **fields: Any) -> str:
    """Sell to nobody; returns the receipt code."""
    return str(desk.sell(*nets, sale_id=sale_id, **fields).body["receipt_code"])


def claim(desk: Desk, code: str, member: UUID, *, sale_id: str = "s1", **fields: Any) -> Reply:
    actor = fields.pop("actor", Actor("member", str(member)))
    payload = {"sale_id": sale_id, "receipt_code": code, "member_id": str(member)} | fields
    return desk.call(rpc.CLAIM_SALE, payload, actor=actor)


@pytest.mark.rule("S6")
def test_claim_awards_as_of_the_sale(desk: Desk) -> None:
    member, sold_at = uuid4(), desk.clock.now()
    code = anonymous(desk, 10000, 5000)
    desk.clock.advance(days=10)
    desk.promote(member, "GOLD", "1.25", since=desk.clock.now())
    body = claim(desk, code, member).body
    assert body["points"] == {"earned": 150, "not_earned": 0, "pending": 0}
    assert (body["tier"], body["balances"]["available"]) == ("BRONZE", 150)
    (earned,) = desk.journal(member)
    assert earned["occurred_at"] == sold_at.isoformat().replace("+00:00", "Z")
    assert earned["lots"][0]["expires_at"] == "2027-03-31T16:00:00Z"
    seen = desk.call(rpc.GET_SALE, {"sale_id": "s1"}).body
    assert (seen["member_id"], [each["points"] for each in seen["lines"]]) == (
        str(member),
        [100, 50],
    )
    assert seen["claimed_at"] is not None
    assert "receipt_code" not in seen


@pytest.mark.rule("S6")
def test_known_claim_answers_as_then_and_others_are_too_late(desk: Desk) -> None:
    member = uuid4()
    code = anonymous(desk, 10000)
    first = claim(desk, code, member)
    again = claim(desk, code, member)
    assert (again.replayed, again.body) == (True, first.body)
    refusal = refusal_of(lambda: claim(desk, code, uuid4()))
    assert (refusal.code, refusal.status) == ("sale_already_claimed", 409)
    assert desk.available(member) == 100
    assert desk.verify()["ok"]


@pytest.mark.rule("S6")
def test_code_may_be_typed_as_people_do(desk: Desk) -> None:
    code = anonymous(desk, 10000)
    typed = " ".join((code[:4], code[4:8], code[8:])).lower() + "-"
    assert claim(desk, typed, uuid4()).status == 200


@pytest.mark.rule("S6")
def test_wrong_code_and_unknown_sale_look_the_same(desk: Desk) -> None:
    code = anonymous(desk, 10000)
    desk.sell(10000, member=uuid4(), sale_id="owned")
    desk.sell(10000, sale_id="web", actor=SHOP)
    other_shop = Actor("shop", "other")
    refusals = [
        refusal_of(lambda: claim(desk, "2" * 16, uuid4())),
        refusal_of(lambda: claim(desk, code, uuid4(), sale_id="s2")),
        refusal_of(lambda: claim(desk, code, uuid4(), sale_id="owned")),
        refusal_of(lambda: claim(desk, "-" * 16, uuid4(), sale_id="owned")),
        refusal_of(lambda: claim(desk, "é" * 16, uuid4())),
        refusal_of(lambda: claim(desk, code, uuid4(), actor=other_shop)),
    ]
    assert {(each.code, each.detail) for each in refusals} == {("not_found", refusals[0].detail)}


@pytest.mark.rule("S6")
def test_sale_can_be_claimed_for_thirty_days(desk: Desk) -> None:
    code, other = anonymous(desk, 10000), anonymous(desk, 10000, sale_id="s2")
    desk.clock.advance(days=30)
    assert claim(desk, code, uuid4()).body["points"]["earned"] == 100
    desk.clock.advance(microseconds=1)
    refusal = refusal_of(lambda: claim(desk, other, uuid4(), sale_id="s2"))
    assert (refusal.code, refusal.status) == ("claim_too_late", 422)


@pytest.mark.rule("S6")
def test_parallel_claims_by_two_people_give_exactly_one(desk: Desk) -> None:
    code, people = anonymous(desk, 10000), [uuid4() for _ in range(6)]
    results = in_parallel(6, lambda number: claim(desk, code, people[number]))
    assert codes(results) == ["sale_already_claimed"] * 5
    assert sorted(desk.available(each) for each in people) == [0, 0, 0, 0, 0, 100]
    assert len(desk.events("sale.claimed")) == 1


@pytest.mark.rule("S6", "S1")
@pytest.mark.parametrize("is_claimed_first", [True, False])
def test_what_came_back_is_not_earned_whichever_came_first(
    desk: Desk, is_claimed_first: bool
) -> None:
    member = uuid4()
    desk.promote(member, "SEVENFOLD", "7", since=desk.clock.now())
    code = anonymous(desk, lines=[line("1", 100, quantity=3), line("2", 500)])
    if is_claimed_first:
        claim(desk, code, member)
    desk.give_back("s1", {"1": (1, 33)})
    if not is_claimed_first:
        assert claim(desk, code, member).body["points"] == {
            "earned": 40,
            "not_earned": 2,
            "pending": 0,
        }
    assert desk.available(member) == 40
    taken = [
        desk.give_back("s1", {"1": (1, value)}).body["points"]["clawed_back"] for value in (33, 34)
    ]
    assert taken == [2, 3]
    assert desk.available(member) == 35
    assert desk.verify()["ok"]


@pytest.mark.rule("S6")
def test_claim_of_a_cancelled_sale_earns_nothing(desk: Desk) -> None:
    member, code = uuid4(), anonymous(desk, 10000)
    desk.cancel("s1")
    body = claim(desk, code, member).body
    assert body["points"] == {"earned": 0, "not_earned": 0, "pending": 0}
    assert desk.journal(member) == []


@pytest.mark.rule("S6", "L6")
def test_claim_repays_debt_first(desk: Desk) -> None:
    member = uuid4()
    desk.sell(20000, member=member, sale_id="owing")
    gift = [line("1", 10_000_000, kind="gift_card")]
    desk.sell(member=member, lines=gift, points_to_redeem=200)
    desk.give_back("owing", {"1": (1, 20000)})
    code = anonymous(desk, 30000)
    assert claim(desk, code, member).body["balances"]["debt"] == 0
    assert desk.available(member) == 100


@pytest.mark.rule("S6")
def test_returns_and_claims_in_parallel_agree(desk: Desk) -> None:
    member, code = uuid4(), anonymous(desk, lines=[line("1", 1000, quantity=10)])

    def act(number: int) -> Reply:
        if number == 2:
            return claim(desk, code, member)
        return desk.give_back("s1", {"1": (1, 100)})

    results = in_parallel(5, act)
    assert codes(results) == []
    assert desk.available(member) == 6
    assert desk.verify()["ok"]


@pytest.mark.rule("S6")
def test_only_an_active_member_may_claim(desk: Desk) -> None:
    member, code = uuid4(), anonymous(desk, 10000)
    desk.hear(
        members.UPDATED, member, {"member_id": member, "changed": ["status"], "status": "frozen"}
    )
    assert refusal_of(lambda: claim(desk, code, member)).code == "account_frozen"
    named: dict[str, Any] = {"member_id": None, "member_status": "unknown", "actor": TILL}
    assert refusal_of(lambda: claim(desk, code, member, **named)).code == "unknown_member"
    assert claim(desk, code, uuid4(), member_status="active", actor=TILL).status == 200


def test_sale_reported_again_after_its_claim_answers_as_then(desk: Desk) -> None:
    sale = desk.sale(10000, sale_id="s1")
    first = desk.call(rpc.RECORD_SALE, sale).body
    claim(desk, first["receipt_code"], uuid4())
    again = desk.call(rpc.RECORD_SALE, sale)
    assert (again.replayed, again.body) == (True, first)


@pytest.mark.rule("S6")
def test_claim_tells_the_others(desk: Desk) -> None:
    member, code = uuid4(), anonymous(desk, 10000)
    desk.give_back("s1", {"1": (0, 2500)})
    claim(desk, code, member)
    (fact,) = desk.events("sale.claimed")
    assert fact["member_id"] == str(member)
    assert (fact["payable_minor"], fact["refunded_total_minor"]) == (10000, 2500)
    assert fact["points_earned"] == desk.available(member) == 75
