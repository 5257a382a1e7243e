"""Points spent while a till is offline (S5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from shared.calls import Actor, Reply
from shared.clock import parse_rfc3339, rfc3339
from shared.contracts.points import rpc
from tests.integration.points.desk import TILL, Desk, codes, in_parallel, line, refusal_of
from tests.integration.points.test_merging import Saga

OTHER_TILL = Actor("terminal", "t-2", (), "s-2")
GIFT = [line("1", 10_000_000, kind="gift_card")]


@pytest.fixture
def lending(desk: Desk) -> Desk:
    """A desk whose programme lets a member spend 500 points offline."""
    desk.service.settings = replace(desk.service.settings, offline_allowance_points=500)
    return desk


def fetch(desk: Desk, member: UUID, actor: Actor = TILL) -> dict[str, Any]:
    payload = {"member_id": str(member), "member_status": "active"}
    return desk.call(rpc.OFFLINE_ALLOWANCE, payload, actor=actor).body


def earn(desk: Desk, points: int) -> UUID:
    """Return a member who owns so many points."""
    member = uuid4()
    desk.sell(points * 100, member=member)
    return member


def spend(desk: Desk, member: UUID, points: int, allowance: Any, **fields: Any) -> Reply:
    """Report, an hour late, a sale that points pay a part of."""
    late = rfc3339(desk.clock.now() - timedelta(hours=1))
    sale: dict[str, Any] = {"lines": GIFT, "occurred_at": late, "points_to_redeem": points}
    if allowance is not None:
        sale["offline_allowance"] = allowance["signature"]
    return desk.sell(member=member, **(sale | fields))


def kinds(desk: Desk) -> list[str]:
    found = desk.call(rpc.LIST_POS_EXCEPTIONS, {"limit": 200}).body["items"]
    return [each["kind"] for each in found]


@pytest.mark.rule("S5")
def test_nothing_may_be_spent_offline_by_default(desk: Desk) -> None:
    member = earn(desk, 1000)
    allowance = fetch(desk, member)
    assert allowance["points"] == 0
    refusal = refusal_of(lambda: spend(desk, member, 100, None))
    assert (refusal.code, refusal.status) == ("offline_allowance_exceeded", 422)
    assert refusal_of(lambda: spend(desk, member, 100, allowance)).code == refusal.code
    assert kinds(desk) == ["over_allowance", "over_allowance"]
    assert desk.available(member) == 1000
    assert desk.sell(member=member, lines=GIFT, points_to_redeem=100).status == 201


@pytest.mark.rule("S5")
def test_allowance_is_signed_and_says_what_it_promises(lending: Desk) -> None:
    member = earn(lending, 1000)
    allowance = fetch(lending, member)
    assert allowance["points"] == 500
    (key,) = lending.call(rpc.ALLOWANCE_KEYS, {}).body["keys"]
    claims = jwt.decode(
        allowance["signature"],
        jwt.PyJWK(key),
        algorithms=["EdDSA"],
        audience="offline-allowance",
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    assert (claims["sub"], claims["terminal_id"], claims["points"]) == (str(member), "t-1", 500)
    until = parse_rfc3339(allowance["valid_until"])
    assert claims["exp"] == until.timestamp()
    assert until == lending.clock.now() + timedelta(hours=24)
    assert fetch(lending, member) == allowance


@pytest.mark.rule("S5")
def test_offline_sales_spend_within_their_allowance(lending: Desk) -> None:
    member = earn(lending, 1000)
    allowance = fetch(lending, member)
    lending.clock.advance(hours=30)
    offline = {"occurred_at": rfc3339(lending.clock.now() - timedelta(hours=7))}
    for points in (300, 200):
        assert spend(lending, member, points, allowance, **offline).status == 201
    assert lending.available(member) == 500
    refusal = refusal_of(lambda: spend(lending, member, 100, allowance, **offline))
    assert refusal.code == "offline_allowance_exceeded"
    assert lending.verify()["ok"]


@pytest.mark.rule("S5")
def test_allowance_of_another_serves_nobody(lending: Desk) -> None:
    member, other = earn(lending, 1000), earn(lending, 1000)
    allowance = fetch(lending, member)
    lending.clock.advance(hours=2)
    forged = {"signature": allowance["signature"][:-4] + "AAAA"}
    too_late = {"occurred_at": rfc3339(lending.clock.now() + timedelta(hours=22, minutes=6))}
    attempts = [
        lambda: spend(lending, other, 100, allowance),
        lambda: spend(lending, member, 100, allowance, actor=OTHER_TILL),
        lambda: spend(lending, member, 100, forged),
        lambda: spend(lending, member, 100, {"signature": "nonsense"}),
    ]
    assert {refusal_of(each).code for each in attempts} == {"offline_allowance_exceeded"}
    lending.clock.advance(hours=24)
    assert refusal_of(lambda: spend(lending, member, 100, allowance, **too_late)).code == (
        "offline_allowance_exceeded"
    )
    assert (lending.available(member), lending.available(other)) == (1000, 1000)


@pytest.mark.rule("S5", "M3")
def test_promise_goes_with_a_merge_and_comes_back_with_its_undoing(lending: Desk) -> None:
    saga = Saga(lending, source=earn(lending, 1000), survivor=earn(lending, 1000))
    of_source, of_survivor = fetch(lending, saga.source), fetch(lending, saga.survivor)
    saga.merge()
    lending.clock.advance(hours=2)
    spend(lending, saga.source, 100, of_source)
    assert lending.available(saga.survivor) == 1900
    saga.unmerge()
    spend(lending, saga.source, 100, of_source)
    spend(lending, saga.survivor, 100, of_survivor)
    lent = lambda: spend(lending, saga.survivor, 100, of_source)  # noqa: E731
    assert refusal_of(lent).code == "offline_allowance_exceeded"
    assert (lending.available(saga.source), lending.available(saga.survivor)) == (900, 800)


@pytest.mark.rule("S5")
def test_two_tills_are_never_promised_the_same_points(lending: Desk) -> None:
    member = earn(lending, 600)
    assert fetch(lending, member)["points"] == 500
    assert fetch(lending, member, OTHER_TILL)["points"] == 0
    poor = earn(lending, 300)
    actors = [Actor("terminal", f"t-{number}", (), "s-1") for number in range(6)]
    got = in_parallel(6, lambda number: fetch(lending, poor, actors[number])["points"])
    assert sorted(got) == [0, 0, 0, 0, 0, 300]
    lending.clock.advance(hours=24 + 72, minutes=6)
    assert fetch(lending, member, OTHER_TILL)["points"] == 500


@pytest.mark.rule("S5")
def test_asking_anew_ends_what_was_left(lending: Desk) -> None:
    member = earn(lending, 1000)
    first = fetch(lending, member)
    lending.clock.advance(hours=24)
    second = fetch(lending, member)
    assert second["points"] == 500
    lending.clock.advance(hours=2)
    yesterday = {"occurred_at": rfc3339(lending.clock.now() - timedelta(hours=3))}
    assert refusal_of(lambda: spend(lending, member, 100, first, **yesterday)).code == (
        "offline_allowance_exceeded"
    )
    assert spend(lending, member, 500, second).status == 201


@pytest.mark.rule("S5", "L6")
def test_promise_is_kept_when_the_points_were_spent_online_meanwhile(lending: Desk) -> None:
    member = earn(lending, 600)
    allowance = fetch(lending, member)
    lending.sell(member=member, lines=GIFT, points_to_redeem=400)
    lending.clock.advance(hours=2)
    body = spend(lending, member, 500, allowance, sale_id="offline").body
    assert body["balances"] == {"available": 0, "pending": 0, "held": 0, "debt": 300}
    assert lending.points(member)["lifetime"]["redeemed"] == 900
    assert lending.verify()["ok"]
    lending.sell(10000, member=member)
    assert lending.points(member)["balances"]["debt"] == 200
    back = lending.cancel("offline").body
    assert back["points"]["restored"] == 500
    assert back["balances"] == {"available": 300, "pending": 0, "held": 0, "debt": 0}
    thirty_days = lending.clock.now() + timedelta(days=30)
    expiring = {each["expires_at"]: each["points"] for each in lending.points(member)["expiring"]}
    assert expiring == {rfc3339(thirty_days): 100, "2027-03-31T16:00:00Z": 200}
    assert lending.verify()["ok"]


@pytest.mark.rule("S4", "S5")
def test_partial_returns_forgive_what_was_owed_first(lending: Desk) -> None:
    member = earn(lending, 500)
    allowance = fetch(lending, member)
    lending.sell(member=member, lines=GIFT, points_to_redeem=300)
    lending.clock.advance(hours=2)
    lines = [line("1", 1000, kind="gift_card")]
    spend(lending, member, 500, allowance, sale_id="s1", lines=lines)
    seen = []
    for value in (400, 400, 200):
        body = lending.give_back("s1", {"1": (0, value)}).body
        seen.append((body["points"]["restored"], body["balances"]["debt"]))
    assert seen == [(200, 100), (200, 0), (100, 0)]
    assert lending.available(member) == 200
    assert lending.verify()["ok"]


@pytest.mark.rule("S5")
def test_parallel_reports_spend_an_allowance_once(lending: Desk) -> None:
    member = earn(lending, 2000)
    allowance = fetch(lending, member)
    lending.clock.advance(hours=2)
    results = in_parallel(8, lambda _: spend(lending, member, 100, allowance))
    assert codes(results) == ["offline_allowance_exceeded"] * 3
    assert lending.available(member) == 1500


@pytest.mark.rule("S5")
def test_batch_counts_what_its_sales_spend(lending: Desk) -> None:
    member = earn(lending, 1000)
    allowance = fetch(lending, member)
    lending.clock.advance(hours=2)
    late = rfc3339(lending.clock.now() - timedelta(hours=1))
    sales = [
        lending.sale(
            lines=GIFT,
            member=member,
            occurred_at=late,
            points_to_redeem=200,
            offline_allowance=allowance["signature"],
        )
        for _ in range(3)
    ]
    results = lending.call(rpc.RECORD_SALES, {"sales": sales}).body["results"]
    assert [each["status"] for each in results] == ["created", "created", "rejected"]
    assert results[2]["error"]["code"] == "offline_allowance_exceeded"
    again = lending.call(rpc.RECORD_SALES, {"sales": sales}).body["results"]
    assert [each["status"] for each in again] == ["replayed", "replayed", "rejected"]
    assert lending.available(member) == 600


def test_only_an_active_member_is_lent_to(lending: Desk) -> None:
    payload = {"member_id": str(earn(lending, 500)), "member_status": "frozen"}
    assert refusal_of(lambda: lending.call(rpc.OFFLINE_ALLOWANCE, payload)).code == (
        "account_frozen"
    )
