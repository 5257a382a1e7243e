"""What one account has is another's once their members are one (M3)."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.members import merge_events as merges
from shared.contracts.points import holds
from shared.ids import new_id
from tests.integration.points.desk import Desk, codes, line, tried
from tests.integration.points.test_awards import TWICE, earned, rule
from tests.integration.points.test_holds import end, hold
from tests.integration.points.test_pending import claw, earn
from tests.integration.points.test_rebuild import rebuild, state

DAY = timedelta(days=1)


@dataclass
class Saga:
    """Two members, and members' words that they are one, or two."""

    desk: Desk
    source: UUID = field(default_factory=uuid4)
    survivor: UUID = field(default_factory=uuid4)
    merge_id: UUID = field(default_factory=new_id)
    _last: list[UUID] = field(default_factory=list)

    def merge(self) -> None:
        """Let members merge them."""
        self.merge_id = new_id()
        self._tell(merges.MERGED)

    def unmerge(self) -> None:
        """Let members undo it."""
        self._tell(merges.UNMERGED)

    def _tell(self, kind: Any) -> None:
        step_id = new_id()
        data = {
            "step_id": step_id,
            "merge_id": self.merge_id,
            "source_member_id": self.source,
            "survivor_member_id": self.survivor,
            "after": self._last,
        }
        self.desk.hear(kind, self.source, data)
        self._last = [step_id]

    def balances(self, member: UUID) -> dict[str, int]:
        """Return what a member has: what is not 0."""
        found = self.desk.points(member)["balances"]
        return {name: points for name, points in found.items() if points}

    def worth(self) -> int:
        """Return what both have together."""
        both = [self.desk.points(each)["balances"] for each in (self.source, self.survivor)]
        return sum(each["available"] + each["pending"] + each["held"] - each["debt"]
                   for each in both)  # fmt: skip


@pytest.fixture
def saga(desk: Desk) -> Saga:
    return Saga(desk)


@pytest.mark.rule("M3", "E5")
def test_pending_points_move_activate_there_and_are_clawed_first(saga: Saga) -> None:
    desk = saga.desk
    first = earn(desk, saga.source, 100)
    earn(desk, saga.source, 40, wait=-DAY)
    saga.merge()
    assert saga.balances(saga.survivor) == {"available": 40, "pending": 100}
    met = claw(desk, saga.source, 30, [first])
    assert (met.pending, met.available) == (30, 0)
    before = state(desk)
    assert rebuild(desk)["accounts_changed"] == 0
    assert state(desk) == before
    desk.clock.advance(days=8)
    desk.service.due_work()
    assert saga.balances(saga.survivor) == {"available": 110}
    saga.unmerge()
    assert saga.balances(saga.source) == {"available": 110}
    assert rebuild(desk)["accounts_changed"] == 0
    assert desk.verify()["ok"]


@pytest.mark.rule("M3", "S4")
def test_points_the_source_had_spent_come_home_to_the_survivor(saga: Saga) -> None:
    desk = saga.desk
    earn(desk, saga.source, 1_000, wait=-DAY)
    earn(desk, saga.source, 500, wait=-DAY, lasts=90 * DAY)
    gift = [line("1", 10_000_000, kind="gift_card")]
    desk.sell(lines=gift, member=saga.source, points_to_redeem=1_200, sale_id="spent")
    saga.merge()
    desk.cancel("spent")
    assert saga.balances(saga.survivor) == {"available": 1_500}
    saga.unmerge()
    assert (saga.balances(saga.source), saga.balances(saga.survivor)) == (
        {"available": 300},
        {"available": 1_200},
    )
    desk.clock.advance(days=120)
    desk.service.due_work()
    assert saga.worth() == 0
    assert desk.verify()["ok"]


@pytest.mark.rule("M3", "L7")
def test_sale_reported_again_for_whoever_the_member_is_by_now_is_the_same(saga: Saga) -> None:
    desk = saga.desk
    sale = desk.sale(10_000, member=saga.source)
    first = desk.sell(**_of(sale))
    saga.merge()
    for member in (saga.survivor, saga.source):
        again = desk.sell(**_of({**sale, "member_id": str(member)}))
        assert (again.status, again.body["points"]) == (200, first.body["points"])
    saga.unmerge()
    assert desk.sell(**_of(sale)).status == 200
    assert saga.balances(saga.source) == {"available": 100}


@pytest.mark.rule("M3", "E2")
def test_cap_is_free_again_for_whoever_the_buyer_is_when_the_sale_is_undone(saga: Saga) -> None:
    desk = saga.desk
    rule(desk, **TWICE, caps={"per_member_per_month": 15})
    assert earned(desk, 1000, member=saga.source, sale_id="first") == 20
    saga.merge()
    assert earned(desk, 1000, member=saga.survivor, sale_id="second") == 15
    desk.cancel("first")
    assert earned(desk, 1000, member=saga.survivor, sale_id="third") == 20
    desk.cancel("third")
    saga.unmerge()
    assert earned(desk, 1000, member=saga.source) == 20
    assert earned(desk, 1000, member=saga.survivor) == 20
    used = "SELECT used FROM rule_usage WHERE holder = :member"
    counts = [
        [row.used for row in desk.database.query(used, member=str(member))]
        for member in (saga.source, saga.survivor)
    ]
    assert counts == [[10], [15]]


def _of(sale: dict[str, Any]) -> dict[str, Any]:
    return {**sale, "member": UUID(sale["member_id"])}


@pytest.mark.rule("M3", "L2")
@pytest.mark.parametrize("seed", [1, 2])
def test_no_point_is_made_or_lost_whatever_happens_around_merges(saga: Saga, seed: int) -> None:
    desk, chance = saga.desk, random.Random(seed)
    is_one, open_holds, sold = False, list[Any](), list[str]()
    for _ in range(40):
        who, act = chance.choice((saga.source, saga.survivor)), chance.randrange(7)
        if act == 0:
            before = saga.worth()
            (saga.unmerge if is_one else saga.merge)()
            is_one = not is_one
            assert saga.worth() == before
            if is_one:
                assert saga.balances(saga.source) == {}
        elif act == 1:
            sale_id = f"s-{uuid4().hex[:8]}"
            desk.sell(chance.randrange(1_000, 50_000), member=who, sale_id=sale_id)
            sold.append(sale_id)
        elif act == 2:
            earn(desk, who, chance.randrange(1, 300), wait=chance.randrange(-1, 4) * DAY)
        elif act == 3 and (most := desk.points(who)["balances"]["available"]):
            open_holds.append(hold(desk, who, chance.randrange(1, most + 1)))
        elif act == 4 and open_holds:
            _end(desk, open_holds.pop(), chance)
        elif act == 5 and sold:
            desk.cancel(sold.pop(chance.randrange(len(sold))))
        else:
            desk.clock.advance(days=chance.randrange(1, 40) / 10)
            desk.service.due_work()
    proof = desk.verify()
    assert proof["ok"], proof["drift"]


def _end(desk: Desk, held: Any, chance: random.Random) -> None:
    """End a hold, whose time may be over."""
    result = tried(end, desk, chance.choice((holds.CAPTURE, holds.RELEASE)), held)
    assert codes([result]) in ([], ["hold_expired"])
