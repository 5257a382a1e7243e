"""Points set aside for an order end exactly once (L5)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.calls import Actor
from shared.contracts.method import Method
from shared.contracts.points import holds
from tests.integration.points.desk import SHOP, TILL, Desk, codes, in_parallel, line, refusal_of
from tests.integration.points.test_pending import claw, earn

GIFT = [line("1", 10_000_000, kind="gift_card")]
DAY = timedelta(days=1)
ENDS: tuple[tuple[Method, str], ...] = (
    (holds.CAPTURE, "hold_already_captured"),
    (holds.RELEASE, "hold_already_released"),
)


def hold(desk: Desk, member: UUID, points: int, *, actor: Actor = TILL, **fields: Any) -> Any:
    payload = {"member_id": str(member), "points": points, "order_id": f"o-{uuid4().hex[:8]}"}
    return desk.call(holds.PLACE, payload | fields, actor=actor)


def end(desk: Desk, method: Method, held: Any, *, actor: Actor = TILL, **fields: Any) -> Any:
    return desk.call(method, {"hold_id": held.body["hold_id"]} | fields, actor=actor).body


def balances(desk: Desk, member: UUID) -> tuple[int, int, int]:
    shown = desk.points(member)["balances"]
    return shown["available"], shown["held"], shown["debt"]


def entries(desk: Desk, member: UUID) -> list[tuple[str, int]]:
    return [(entry["type"], entry["points"]) for entry in desk.journal(member)]


@pytest.mark.rule("L5")
def test_hold_lowers_available_at_once_and_draws_lots(desk: Desk) -> None:
    member = uuid4()
    earn(desk, member, 100, wait=-DAY)
    earn(desk, member, 50, wait=-DAY, lasts=DAY)
    held = hold(desk, member, 80, order_id="o1")
    assert held.status == 201
    assert held.body["status"] == "held"
    assert balances(desk, member) == (70, 80, 0)
    assert [part["points"] for part in desk.journal(member)[-1]["lots"]] == [-50, -30]
    assert refusal_of(lambda: hold(desk, member, 71)).extra == {"available": 70}
    (fact,) = desk.events("points.held")
    assert (fact["hold_id"], fact["order_id"]) == (held.body["hold_id"], "o1")
    assert desk.verify()["ok"]


@pytest.mark.rule("L5")
def test_capture_of_a_part_sends_the_rest_home(desk: Desk) -> None:
    member = uuid4()
    earn(desk, member, 100, wait=-DAY)
    soon = earn(desk, member, 50, wait=-DAY, lasts=DAY)
    held = hold(desk, member, 120)
    captured = end(desk, holds.CAPTURE, held, points=30)
    assert (captured["status"], captured["captured"]) == ("captured", 30)
    assert balances(desk, member) == (120, 0, 0)
    assert desk.points(member)["lifetime"]["redeemed"] == 30
    left = desk.points(member)["expiring"][0]
    assert left["points"] == 20, "those that lapse first are spent first"
    assert entries(desk, member)[2:] == [("hold", -120), ("redeem", 0), ("release", 90)]
    home = desk.journal(member)[-1]["lots"]
    assert home[0] == {"lot_id": str(soon), "points": 20, "expires_at": left["expires_at"]}
    assert [fact["points"] for fact in desk.events("points.redeemed")] == [30]
    assert [fact["points"] for fact in desk.events("points.released")] == [90]
    assert desk.verify()["ok"]


@pytest.mark.rule("L5")
def test_capture_of_more_than_is_held_is_refused(desk: Desk) -> None:
    member = uuid4()
    desk.sell(10000, member=member)
    held = hold(desk, member, 60)
    refusal = refusal_of(lambda: end(desk, holds.CAPTURE, held, points=61))
    assert (refusal.code, refusal.extra) == ("capture_exceeds_hold", {"held": 60})
    assert end(desk, holds.CAPTURE, held)["captured"] == 60
    assert balances(desk, member) == (40, 0, 0)


@pytest.mark.rule("L5")
@pytest.mark.parametrize(("first", "code"), ENDS)
@pytest.mark.parametrize("second", [holds.CAPTURE, holds.RELEASE])
def test_hold_ends_once(desk: Desk, first: Method, code: str, second: Method) -> None:
    member = uuid4()
    desk.sell(10000, member=member)
    held = hold(desk, member, 60)
    end(desk, first, held)
    before = entries(desk, member)
    desk.clock.advance(days=2)
    assert refusal_of(lambda: end(desk, second, held)).code == code
    assert entries(desk, member) == before


@pytest.mark.rule("L5")
@pytest.mark.parametrize(
    ("actor", "fields", "minutes"),
    [(TILL, {}, 15), (SHOP, {}, 30), (TILL, {"ttl_s": 86_400}, 1440), (SHOP, {"ttl_s": 60}, 1)],
)
def test_hold_ends_by_itself_at_its_instant_before_any_sweep(
    desk: Desk, actor: Actor, fields: dict[str, int], minutes: int
) -> None:
    member = uuid4()
    desk.sell(10000, member=member)
    held = hold(desk, member, 60, actor=actor, **fields)
    desk.clock.advance(minutes=minutes, microseconds=-1)
    assert balances(desk, member) == (40, 60, 0)
    desk.clock.advance(microseconds=1)
    assert balances(desk, member) == (100, 0, 0)
    shown = desk.call(holds.GET, {"hold_id": held.body["hold_id"]}, actor=actor).body
    assert (shown["status"], shown["closed_at"]) == ("expired", held.body["expires_at"])
    for method in (holds.CAPTURE, holds.RELEASE):
        refusal = refusal_of(partial(end, desk, method, held, actor=actor))
        assert refusal.code == "hold_expired"
    for _ in range(2):
        desk.service.expire_lots()
    assert entries(desk, member)[-2:] == [("hold", -60), ("release", 60)]
    (fact,) = desk.events("points.released")
    assert (fact["status"], fact["points"]) == ("expired", 60)
    assert balances(desk, member) == (100, 0, 0)
    assert desk.verify()["ok"]


@pytest.mark.rule("L4", "L5")
def test_hold_taken_before_expiry_may_be_captured_after_it(desk: Desk) -> None:
    member = uuid4()
    earn(desk, member, 100, wait=-DAY, lasts=timedelta(hours=1))
    held = hold(desk, member, 80, ttl_s=7200)
    desk.clock.advance(hours=1, minutes=30)
    assert balances(desk, member) == (0, 80, 0)
    assert end(desk, holds.CAPTURE, held, points=50)["captured"] == 50
    assert entries(desk, member)[2:] == [("expire", -20), ("redeem", 0), ("expire", 0)]
    assert desk.points(member)["lifetime"] == {
        "earned": 100, "redeemed": 50, "expired": 50, "clawed_back": 0, "adjusted": 0,
    }  # fmt: skip
    assert [fact["points"] for fact in desk.events("points.expired")] == [20, 30]
    assert desk.verify()["ok"]


@pytest.mark.rule("L4", "L5")
@pytest.mark.parametrize(("lasts_s", "expired"), [(60, 100), (120, 100), (180, 100), (240, 0)])
def test_points_of_an_ended_hold_lapse_with_their_lot(
    desk: Desk, lasts_s: int, expired: int
) -> None:
    member = uuid4()
    earn(desk, member, 100, wait=-DAY, lasts=timedelta(seconds=lasts_s))
    hold(desk, member, 100, ttl_s=120)
    desk.clock.advance(seconds=180)
    assert desk.points(member)["lifetime"]["expired"] == expired
    desk.service.expire_lots()
    assert desk.points(member)["lifetime"]["expired"] == expired
    assert balances(desk, member) == (100 - expired, 0, 0)
    assert desk.verify()["ok"]


@pytest.mark.rule("L5", "L6")
def test_points_that_come_home_repay_debt_that_arose_meanwhile(desk: Desk) -> None:
    member = uuid4()
    earn(desk, member, 100, wait=-DAY)
    held = hold(desk, member, 100)
    assert claw(desk, member, 25, []).owed == 25, "held points are out of reach"
    end(desk, holds.RELEASE, held)
    assert balances(desk, member) == (75, 0, 0)
    claw(desk, member, 75, [])
    assert desk.verify()["ok"]


@pytest.mark.rule("L5")
def test_retry_for_the_same_order_reuses_its_hold(desk: Desk) -> None:
    member, other = uuid4(), uuid4()
    for who in (member, other):
        desk.sell(10000, member=who)
    first = hold(desk, member, 60, order_id="o1")
    again = hold(desk, member, 60, order_id="o1", ttl_s=60)
    assert (again.status, again.replayed, again.body) == (200, True, first.body)
    for who, points in ((member, 61), (other, 60)):
        refusal = refusal_of(partial(hold, desk, who, points, order_id="o1"))
        assert (refusal.code, refusal.status) == ("hold_conflict", 409)
    end(desk, holds.CAPTURE, first)
    late = hold(desk, member, 60, order_id="o1")
    assert (late.status, late.body["status"]) == (200, "captured")
    assert balances(desk, member) == (40, 0, 0)
    assert desk.verify()["ok"]


@pytest.mark.rule("L5")
@pytest.mark.parametrize("how", ["released", "expired"])
def test_order_whose_hold_was_given_up_may_hold_anew(desk: Desk, how: str) -> None:
    member = uuid4()
    desk.sell(10000, member=member)
    first = hold(desk, member, 60, order_id="o1")
    if how == "released":
        end(desk, holds.RELEASE, first)
    else:
        desk.clock.advance(minutes=15)
    again = hold(desk, member, 80, order_id="o1")
    assert again.status == 201
    assert again.body["hold_id"] != first.body["hold_id"]
    assert balances(desk, member) == (20, 80, 0)
    assert desk.verify()["ok"]


@pytest.mark.rule("L5", "L8")
def test_hold_is_placed_once_and_ends_once_however_many_try(desk: Desk) -> None:
    member = uuid4()
    desk.sell(10000, member=member)
    placed = in_parallel(6, lambda _: hold(desk, member, 60, order_id="o1"))
    assert sorted(reply.status for reply in placed) == [200] * 5 + [201]
    ways = (holds.CAPTURE, holds.RELEASE)
    ended = in_parallel(6, lambda number: end(desk, ways[number % 2], placed[0]))
    assert len(codes(ended)) == 5
    assert balances(desk, member)[1] == 0
    assert desk.verify()["ok"]


@pytest.mark.rule("L5")
def test_same_order_of_two_members_gets_one_hold(desk: Desk) -> None:
    both = [uuid4(), uuid4()]
    for member in both:
        desk.sell(10000, member=member)
    results = in_parallel(4, lambda number: hold(desk, both[number % 2], 60, order_id="o1"))
    assert codes(results) == ["hold_conflict"] * 2
    assert sum(balances(desk, member)[1] for member in both) == 60


def test_hold_needs_a_known_and_active_member(desk: Desk) -> None:
    assert refusal_of(lambda: hold(desk, uuid4(), 1)).code == "unknown_member"
    refusal = refusal_of(lambda: hold(desk, uuid4(), 1, exists=True))
    assert refusal.code == "insufficient_points"
    assert desk.database.query("SELECT count(*) FROM accounts")[0][0] == 0


def test_holds_are_the_business_of_who_placed_them(desk: Desk) -> None:
    member = uuid4()
    desk.sell(10000, member=member)
    held = hold(desk, member, 60, actor=SHOP)
    till = hold(desk, member, 10)
    neighbour, elsewhere = Actor("terminal", "t-2", (), "s-1"), Actor("terminal", "t-3", (), "s-9")
    other, staff = Actor("shop", "other"), Actor("staff", "anna", ("support",))
    for stranger in (other, elsewhere):
        refusal = refusal_of(partial(end, desk, holds.RELEASE, held, actor=stranger))
        assert refusal.code == "not_found"
    assert refusal_of(lambda: end(desk, holds.GET, till, actor=elsewhere)).code == "not_found"
    listed = {
        who.key: [item["points"] for item in desk.call(holds.LIST, {}, actor=who).body["items"]]
        for who in (SHOP, TILL, other, staff)
    }
    assert list(listed.values()) == [[60], [10], [], [10, 60]]
    assert end(desk, holds.RELEASE, till, actor=neighbour)["status"] == "released"


def test_holds_are_listed_by_status_newest_first(desk: Desk) -> None:
    member = uuid4()
    desk.sell(10000, member=member)
    placed = [hold(desk, member, points, ttl_s=60 * points) for points in (1, 2, 3)]
    desk.clock.advance(seconds=90)

    def listed(**query: Any) -> list[int]:
        page = desk.call(holds.LIST, {"member_id": str(member)} | query).body
        return [item["points"] for item in page["items"]]

    assert listed() == [3, 2, 1]
    assert (listed(status="held"), listed(status="expired")) == ([3, 2], [1])
    assert listed(order_id=placed[1].body["order_id"]) == [2]
    page = desk.call(holds.LIST, {"limit": 2}).body
    rest = desk.call(holds.LIST, {"limit": 2, "after": page["next"]}).body
    assert ([item["points"] for item in rest["items"]], rest["next"]) == ([1], None)
