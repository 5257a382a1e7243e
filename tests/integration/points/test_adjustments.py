"""Adjustments by staff: limits, the second person, and what they do to lots (L9)."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.calls import Actor
from shared.contracts.points import adjustments
from tests.integration.points.desk import Desk, codes, in_parallel, refusal_of
from tests.integration.points.test_pending import claw

SUPPORT = Actor("staff", "sue", ("support",))
ANNA, BERT = (Actor("staff", name, ("manager",)) for name in ("anna", "bert"))


def adjust(desk: Desk, member: UUID, points: int, *, actor: Actor = ANNA, **fields: Any) -> Any:
    payload = {
        "member_id": str(member),
        "exists": True,
        "points": points,
        "reason_code": "goodwill",
        "note": "Sorry.",
    }
    return desk.call(adjustments.ADJUST, payload | fields, actor=actor)


def decide(desk: Desk, asked: Any, *, actor: Actor = BERT, approve: bool = True) -> Any:
    method = adjustments.APPROVE if approve else adjustments.REJECT
    payload = {"adjustment_id": asked.body["adjustment_id"]}
    return desk.call(method, payload, actor=actor)


@pytest.mark.rule("L9")
def test_points_given_make_a_lot_with_its_expiry(desk: Desk) -> None:
    member = uuid4()
    made = adjust(desk, member, 250, actor=SUPPORT)
    assert (made.status, made.body["status"]) == (201, "approved")
    assert made.body["expires_at"] == "2027-03-31T16:00:00Z"
    adjust(desk, member, 50, expires_at="2026-05-01T00:00:00Z")
    shown = desk.points(member)
    assert [(lot["points"], lot["expires_at"]) for lot in shown["expiring"]] == [
        (50, "2026-05-01T00:00:00Z"),
        (250, "2027-03-31T16:00:00Z"),
    ]
    assert shown["lifetime"] == {
        "earned": 0, "redeemed": 0, "expired": 0, "clawed_back": 0, "adjusted": 300,
    }  # fmt: skip
    entry = desk.journal(member)[0]
    assert (entry["type"], entry["points"], entry["reason_code"]) == ("adjust", 250, "goodwill")
    assert entry["id"] == made.body["transaction_id"]
    (row, _) = desk.database.query("SELECT actor FROM transactions ORDER BY number")
    assert row.actor == "staff:sue"
    assert [fact["points"] for fact in desk.events("points.adjusted")] == [250, 50]
    assert desk.verify()["ok"]


@pytest.mark.rule("L9")
def test_points_taken_come_from_lots_that_lapse_first(desk: Desk) -> None:
    member = uuid4()
    adjust(desk, member, 100)
    adjust(desk, member, 100, expires_at="2026-05-01T00:00:00Z")
    adjust(desk, member, -130)
    assert [lot["points"] for lot in desk.points(member)["expiring"]] == [70]
    assert desk.points(member)["lifetime"]["adjusted"] == 70
    refusal = refusal_of(lambda: adjust(desk, member, -71))
    assert (refusal.code, refusal.extra) == ("insufficient_points", {"available": 70})
    assert desk.verify()["ok"]


@pytest.mark.rule("L6", "L9")
def test_points_given_repay_debt_first(desk: Desk) -> None:
    member = uuid4()
    adjust(desk, member, 1)
    claw(desk, member, 26, [])
    adjust(desk, member, 100)
    assert desk.points(member)["balances"]["available"] == 75
    assert desk.verify()["ok"]


@pytest.mark.rule("L9")
@pytest.mark.parametrize("sign", [1, -1])
def test_support_adjusts_small_numbers_only(desk: Desk, sign: int) -> None:
    member = uuid4()
    adjust(desk, member, 10_000)
    refusal = refusal_of(lambda: adjust(desk, member, sign * 1_001, actor=SUPPORT))
    assert (refusal.code, refusal.status) == ("adjustment_above_role", 403)
    assert adjust(desk, member, sign * 1_000, actor=SUPPORT).status == 201


@pytest.mark.rule("L9")
def test_large_adjustment_waits_for_a_second_person(desk: Desk) -> None:
    member = uuid4()
    assert adjust(desk, member, 10_000).status == 201
    asked = adjust(desk, member, 10_001)
    assert (asked.status, asked.body["status"]) == (202, "pending_approval")
    assert desk.available(member) == 10_000
    refusal = refusal_of(lambda: decide(desk, asked, actor=ANNA))
    assert (refusal.code, refusal.status) == ("own_adjustment", 403)
    desk.clock.advance(days=40)
    done = decide(desk, asked).body
    assert (done["status"], done["decided_by"]) == ("approved", "staff:bert")
    assert desk.available(member) == 20_001
    assert desk.points(member)["expiring"][-1]["expires_at"] == "2027-04-30T16:00:00Z"
    for approve in (True, False):
        refusal = refusal_of(partial(decide, desk, asked, approve=approve))
        assert (refusal.code, refusal.status) == ("adjustment_decided", 409)
    assert desk.verify()["ok"]


@pytest.mark.rule("L9")
def test_large_deduction_is_judged_again_when_it_is_approved(desk: Desk) -> None:
    member = uuid4()
    decide(desk, adjust(desk, member, 20_000))
    asked = adjust(desk, member, -15_000)
    adjust(desk, member, -10_000)
    assert refusal_of(lambda: decide(desk, asked)).code == "insufficient_points"
    adjust(desk, member, 5_000)
    assert decide(desk, asked).body["status"] == "approved"
    assert desk.available(member) == 0
    assert refusal_of(lambda: adjust(desk, member, -10_001)).code == "insufficient_points"


@pytest.mark.rule("L9")
@pytest.mark.parametrize("decider", [ANNA, BERT])
def test_rejected_adjustment_does_nothing(desk: Desk, decider: Actor) -> None:
    member = uuid4()
    asked = adjust(desk, member, 20_000)
    assert decide(desk, asked, actor=decider, approve=False).body["status"] == "rejected"
    assert refusal_of(lambda: decide(desk, asked)).code == "adjustment_decided"
    assert desk.journal(member) == []


@pytest.mark.rule("L8", "L9")
def test_adjustment_is_decided_once_however_many_decide(desk: Desk) -> None:
    member = uuid4()
    asked = adjust(desk, member, 20_000)
    carol = Actor("staff", "carol", ("manager",))
    deciders = [BERT, carol] * 2
    results = in_parallel(4, lambda n: decide(desk, asked, actor=deciders[n], approve=n < 3))
    assert codes(results) == ["adjustment_decided"] * 3
    assert desk.verify()["ok"]


@pytest.mark.parametrize(
    ("points", "expires_at", "code"),
    [(5, "2026-03-10T04:00:00Z", "past"), (-5, "2027-01-01T00:00:00Z", "not_applicable")],
)
def test_expiry_that_makes_no_sense_is_refused(
    desk: Desk, points: int, expires_at: str, code: str
) -> None:
    member = uuid4()
    adjust(desk, member, 100)
    refusal = refusal_of(lambda: adjust(desk, member, points, expires_at=expires_at))
    assert [(error.field, error.code) for error in refusal.errors] == [("expires_at", code)]


def test_adjustment_needs_a_known_member(desk: Desk) -> None:
    assert refusal_of(lambda: adjust(desk, uuid4(), 5, exists=False)).code == "unknown_member"


def test_adjustments_are_listed_by_member_and_status(desk: Desk) -> None:
    first, second = uuid4(), uuid4()
    waiting = adjust(desk, first, 20_000).body
    done = adjust(desk, second, 5).body
    listed = [
        desk.call(adjustments.LIST, query).body["items"]
        for query in ({}, {"status": "pending_approval"}, {"member_id": str(second)})
    ]
    assert listed == [[done, waiting], [waiting], [done]]
    page = desk.call(adjustments.LIST, {"limit": 1}).body
    assert desk.call(adjustments.LIST, {"after": page["next"]}).body["items"] == [waiting]
    shown = {"adjustment_id": done["adjustment_id"]}
    assert desk.call(adjustments.GET, shown).body == done
    other = {"adjustment_id": str(uuid4())}
    assert refusal_of(lambda: desk.call(adjustments.GET, other)).code == "not_found"
    assert refusal_of(lambda: desk.call(adjustments.APPROVE, other)).code == "not_found"
