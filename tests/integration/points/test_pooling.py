"""What households pool at their owners (L10)."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.calls import Actor
from shared.contracts.members import events as members
from shared.contracts.points import households
from tests.integration.points.desk import Desk, codes, in_parallel, refusal_of
from tests.integration.points.test_adjustments import adjust
from tests.integration.points.test_audit import noted
from tests.integration.points.test_contention import patiently
from tests.integration.points.test_pending import claw
from tests.integration.points.test_transfers import STAFF, expiring, transfer

APRIL, MAY, JUNE = (f"2026-0{month}-01T00:00:00Z" for month in (4, 5, 6))


def found(desk: Desk, *member_ids: UUID, household: UUID | None = None, sequence: int = 0) -> UUID:
    """Let members say that these share, the first as owner."""
    household_id = household or uuid4()
    data = {
        "household_id": household_id,
        "owner_member_id": member_ids[0] if member_ids else None,
        "member_ids": list(member_ids),
        "joined": [],
        "left": [],
    }
    desk.hear(members.HOUSEHOLD_CHANGED, household_id, data, sequence=sequence)
    return household_id


def pool(desk: Desk, household: UUID, *, actor: Actor = STAFF, key: str = "", **fields: Any) -> Any:
    payload = {"household_id": str(household)} | fields
    return desk.call(households.POOL, payload, actor=actor, key=key or None).body


def freeze(desk: Desk, member: UUID) -> None:
    news = {"member_id": member, "changed": ["status"], "status": "frozen"}
    desk.hear(members.UPDATED, member, news)


def person(member: UUID) -> Actor:
    return Actor("member", str(member))


@pytest.mark.rule("L10")
def test_all_points_move_to_the_owner_with_their_expiry(desk: Desk) -> None:
    owner, second, third = uuid4(), uuid4(), uuid4()
    adjust(desk, second, 40, expires_at=MAY)
    adjust(desk, second, 10, expires_at=JUNE)
    adjust(desk, third, 50, expires_at=APRIL)
    household = found(desk, owner, second, third)
    pooled = pool(desk, household, actor=person(owner))
    assert (pooled["points"], pooled["skipped"]) == (100, [])
    given = {each["from_member_id"]: each["points"] for each in pooled["transfers"]}
    assert given == {str(second): 50, str(third): 50}
    assert expiring(desk, owner) == [(50, APRIL), (40, MAY), (10, JUNE)]
    assert (desk.available(second), desk.available(third)) == (0, 0)
    told = desk.events("points.transferred")
    assert {fact["household_id"] for fact in told} == {str(household)}
    assert pool(desk, household)["transfers"] == []
    assert desk.verify()["ok"]


@pytest.mark.rule("L10")
def test_named_number_is_taken_of_what_lapses_first(desk: Desk) -> None:
    owner, second, third = uuid4(), uuid4(), uuid4()
    adjust(desk, second, 40, expires_at=MAY)
    adjust(desk, third, 30, expires_at=APRIL)
    adjust(desk, third, 30, expires_at=JUNE)
    pool(desk, found(desk, owner, second, third), points=60)
    assert expiring(desk, owner) == [(30, APRIL), (30, MAY)]
    assert expiring(desk, second) == [(10, MAY)]
    assert expiring(desk, third) == [(30, JUNE)]
    assert desk.verify()["ok"]


@pytest.mark.rule("L6", "L10")
def test_pooled_points_repay_the_owners_debt_first(desk: Desk) -> None:
    owner, second = uuid4(), uuid4()
    claw(desk, owner, 25, [])
    adjust(desk, second, 60)
    assert pool(desk, found(desk, owner, second))["points"] == 60
    balances = desk.points(owner)["balances"]
    assert (balances["available"], balances["debt"]) == (35, 0)
    assert desk.verify()["ok"]


@pytest.mark.rule("L10")
def test_more_than_the_others_have_is_refused_without_effect(desk: Desk) -> None:
    owner, second, third = uuid4(), uuid4(), uuid4()
    for member in (owner, second, third):
        adjust(desk, member, 50)
    household = found(desk, owner, second, third)
    refusal = refusal_of(partial(pool, desk, household, points=101))
    assert (refusal.code, refusal.extra["available"]) == ("insufficient_points", 100)
    assert [desk.available(member) for member in (owner, second, third)] == [50, 50, 50]
    assert desk.events("points.transferred") == []


@pytest.mark.rule("L10")
def test_frozen_member_gives_nothing_and_is_named(desk: Desk) -> None:
    owner, second, third = uuid4(), uuid4(), uuid4()
    for member in (second, third):
        adjust(desk, member, 50)
    freeze(desk, third)
    pooled = pool(desk, found(desk, owner, second, third))
    assert pooled["points"] == 50
    assert pooled["skipped"] == [{"member_id": str(third), "reason": "member_not_active"}]
    assert desk.available(third) == 50


@pytest.mark.rule("L10")
def test_frozen_owner_is_given_nothing(desk: Desk) -> None:
    owner, second = uuid4(), uuid4()
    adjust(desk, second, 50)
    freeze(desk, owner)
    household = found(desk, owner, second)
    assert refusal_of(partial(pool, desk, household)).code == "account_frozen"
    assert desk.available(second) == 50


@pytest.mark.rule("A3", "L10")
def test_retry_is_answered_as_before_and_moves_nothing(desk: Desk) -> None:
    owner, second = uuid4(), uuid4()
    adjust(desk, second, 50)
    household = found(desk, owner, second)
    first = pool(desk, household, key="k-1")
    adjust(desk, second, 70)
    assert pool(desk, household, key="k-1") == first
    assert (desk.available(owner), desk.available(second)) == (50, 70)


@pytest.mark.rule("I4")
def test_pooling_is_noted_when_staff_does_it(desk: Desk) -> None:
    owner = uuid4()
    household = found(desk, owner, uuid4())
    pool(desk, household, actor=person(owner))
    assert noted(desk) == []
    pool(desk, household)
    assert noted(desk) == [("household.pool", str(household))]


@pytest.mark.rule("L10")
def test_pooling_uses_up_no_limit_of_transfers(desk: Desk) -> None:
    owner, second = uuid4(), uuid4()
    adjust(desk, second, 10_000)
    household = found(desk, owner, second)
    for _ in range(desk.service.programme.transfers_per_day + 1):
        pool(desk, household, points=1)
    transfer(desk, second, owner, 5)
    assert desk.available(second) == 10_000 - desk.service.programme.transfers_per_day - 6


@pytest.mark.rule("L10")
def test_household_is_known_by_its_newest_word(desk: Desk) -> None:
    owner, second, third = uuid4(), uuid4(), uuid4()
    household = found(desk, owner, second, sequence=2)
    found(desk, owner, second, third, household=household, sequence=1)
    assert pooled_by(desk, household, owner) == {owner, second}
    found(desk, second, household=household, sequence=3)
    assert refusal_of(partial(pool, desk, household, actor=person(owner))).status == 404
    found(desk, household=household, sequence=4)
    for call in (pool, shown):
        assert refusal_of(partial(call, desk, household)).status == 404


def shown(desk: Desk, household: UUID, *, actor: Actor = STAFF) -> Any:
    payload = {"household_id": str(household)}
    return desk.call(households.POINTS, payload, actor=actor).body


def pooled_by(desk: Desk, household: UUID, asking: UUID) -> set[UUID]:
    """Return whose points the household's sum has."""
    view = shown(desk, household, actor=person(asking))
    return {UUID(each["member_id"]) for each in view["members"]}


@pytest.mark.rule("L4", "L10")
def test_household_sees_what_each_can_spend_by_now(desk: Desk) -> None:
    owner, second, third = uuid4(), uuid4(), uuid4()
    adjust(desk, owner, 5)
    adjust(desk, second, 40, expires_at=APRIL)
    adjust(desk, second, 10, expires_at=MAY)
    household = found(desk, owner, second, third)
    desk.clock.advance(days=30)
    view = shown(desk, household, actor=person(third))
    assert (view["owner_member_id"], view["available"]) == (str(owner), 15)
    spendable = {each["member_id"]: each["available"] for each in view["members"]}
    assert spendable == {str(owner): 5, str(second): 10, str(third): 0}
    for stranger in (person(uuid4()), STAFF):
        payload = household if stranger.kind == "member" else uuid4()
        assert refusal_of(partial(shown, desk, payload, actor=stranger)).status == 404


@pytest.mark.rule("L8", "L10")
def test_pooling_beside_transfers_and_events_neither_deadlocks_nor_loses_points(
    desk: Desk,
) -> None:
    family = [uuid4() for _ in range(4)]
    for member in family:
        adjust(desk, member, 1_000)
    household = found(desk, *family, sequence=1)

    def act(number: int) -> None:
        if number % 3 == 0:
            patiently(partial(pool, desk, household, points=7))
        elif number % 3 == 1:
            patiently(transfer, desk, family[0], family[1 + number % 2], 3)
        else:
            found(desk, *family, household=household, sequence=1 + number)

    assert codes(in_parallel(24, act)) == []
    assert desk.available(family[0]) == 1_000 + 8 * 7 - 8 * 3
    assert sum(map(desk.available, family)) == 4_000
    assert desk.verify()["ok"]
