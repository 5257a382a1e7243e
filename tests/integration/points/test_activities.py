"""Points for what members do beside buying (E2, L7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.calls import Actor, Reply
from shared.clock import rfc3339
from shared.contracts.members import events as members
from shared.contracts.points import rpc
from tests.integration.points.desk import SHOP, TILL, Desk, codes, in_parallel, refusal_of
from tests.integration.points.test_awards import rule

CHECK_IN: dict[str, Any] = {"kind": "activity", "activity": "check_in", "points": 5}
REVIEW: dict[str, Any] = {"kind": "activity", "activity": "review", "points": 20}


def do(
    desk: Desk,
    member: UUID | None,
    activity: str = "check_in",
    *,
    at: datetime | None = None,
    actor: Actor = SHOP,
    key: str | None = None,
    **fields: Any,
) -> Reply:
    payload = {
        "activity_id": f"a-{uuid4().hex[:12]}",
        "activity": activity,
        "member_id": member and str(member),
        "occurred_at": rfc3339(at or desk.clock.now()),
    } | fields
    return desk.call(rpc.RECORD_ACTIVITY, payload, actor=actor, key=key)


def earned(reply: Reply) -> int:
    points: int = reply.body["points"]["earned"]
    return points


@pytest.mark.rule("E2", "E3")
def test_activity_earns_by_its_rules(desk: Desk) -> None:
    made = rule(desk, "Thanks", **REVIEW, pending_days=3)
    member = uuid4()
    body = do(desk, member, "review", activity_id="a").body
    assert body["points"] == {"earned": 20, "pending": 20, "available_on": "2026-03-13"}
    assert (body["counted"], body["streak"], body["balances"]["pending"]) == (True, None, 20)
    (why,) = body["explain"]
    assert (why["rule"], why["rule_id"], why["exact"], why["rounded"]) == (
        "Thanks", made["rule_id"], "20", 20,
    )  # fmt: skip
    (entry,) = desk.journal(member)
    assert entry["reference"] == {"kind": "activity", "id": "a"}
    assert desk.events("points.earned")[0]["sale_id"] is None
    assert desk.verify()["ok"]


def test_activity_without_a_rule_is_recorded_and_earns_nothing(desk: Desk) -> None:
    body = do(desk, uuid4(), "share").body
    assert (body["points"], body["explain"]) == (
        {"earned": 0, "pending": 0, "available_on": None}, [],
    )  # fmt: skip


@pytest.mark.rule("L7")
def test_known_activity_answers_as_it_did_then(desk: Desk) -> None:
    rule(desk, **REVIEW)
    member, at = uuid4(), desk.clock.now()
    first = do(desk, member, "review", activity_id="a", key="k1")
    desk.clock.advance(days=60)
    again = do(desk, member, "review", activity_id="a", at=at, key="k2")
    assert (again.status, again.replayed, again.body) == (200, True, first.body)
    assert len(desk.journal(member)) == 1
    others: list[dict[str, Any]] = [
        {"member": uuid4(), "activity": "review", "at": at},
        {"member": member, "activity": "share", "at": at},
        {"member": member, "activity": "review", "at": at - timedelta(hours=1)},
    ]
    for other in others:
        refusal = refusal_of(lambda: do(desk, activity_id="a", **other))  # noqa: B023
        assert (refusal.code, refusal.status) == ("activity_id_conflict", 409)


@pytest.mark.rule("L7", "L8")
def test_parallel_reports_of_one_activity_award_once(desk: Desk) -> None:
    rule(desk, **REVIEW)
    member, at = uuid4(), desk.clock.now()
    answers = in_parallel(8, lambda _: do(desk, member, "review", activity_id="a", at=at))
    assert codes(answers) == []
    assert desk.available(member) == 20
    strangers = in_parallel(8, lambda _: do(desk, uuid4(), "review", activity_id="b", at=at))
    assert codes(strangers) == ["activity_id_conflict"] * 7


@pytest.mark.rule("E2")
def test_first_check_in_of_a_local_day_counts(desk: Desk) -> None:
    rule(desk, **CHECK_IN)
    member = uuid4()
    assert earned(do(desk, member)) == 5
    second = do(desk, member).body
    assert (second["counted"], second["points"]["earned"], second["streak"]) == (False, 0, None)
    # 16:00 UTC is midnight in Shanghai.
    desk.clock.advance(hours=12)
    assert earned(do(desk, member)) == 5


@pytest.mark.rule("E2", "L8")
def test_parallel_check_ins_of_a_day_earn_once(desk: Desk) -> None:
    rule(desk, **CHECK_IN)
    member = uuid4()
    answers = in_parallel(8, lambda _: do(desk, member))
    assert sorted(earned(answer) for answer in answers) == [0] * 7 + [5]


@pytest.mark.rule("E2")
def test_streak_is_of_local_days_in_a_row(desk: Desk) -> None:
    rule(desk, **CHECK_IN, streak={"length": 3, "points": 30})
    member, points, streaks = uuid4(), [], []
    for days in (1, 1, 1, 1, 2, 1, 1):
        body = do(desk, member).body
        points.append(body["points"]["earned"])
        streaks.append(body["streak"])
        desk.clock.advance(days=days)
    assert streaks == [1, 2, 3, 4, 5, 1, 2]
    assert points == [5, 5, 35, 5, 5, 5, 5]


@pytest.mark.rule("E2")
def test_complete_profile_counts_once_for_all_time(desk: Desk) -> None:
    rule(desk, kind="activity", activity="profile_complete", points=50)
    member = uuid4()
    assert earned(do(desk, member, "profile_complete")) == 50
    desk.clock.advance(days=400)
    again = do(desk, member, "profile_complete").body
    assert (again["counted"], again["points"]["earned"]) == (False, 0)


@pytest.mark.rule("E2")
def test_caps_hold_for_activities_too(desk: Desk) -> None:
    rule(desk, **REVIEW, caps={"per_member_per_day": 30, "total": 60})
    member = uuid4()
    assert [earned(do(desk, member, "review")) for _ in range(3)] == [20, 10, 0]
    answers = in_parallel(6, lambda _: do(desk, uuid4(), "review"))
    assert sorted(earned(answer) for answer in answers) == [0, 0, 0, 0, 10, 20]


@pytest.mark.rule("E2")
def test_scope_of_an_activity_is_where_it_happens(desk: Desk) -> None:
    rule(desk, **REVIEW, scope={"stores": ["s-1"], "channels": ["store"]})
    assert earned(do(desk, uuid4(), "review", actor=TILL, store_id="s-1")) == 20
    assert earned(do(desk, uuid4(), "review", actor=TILL, store_id="s-2")) == 0
    assert earned(do(desk, uuid4(), "review")) == 0


@pytest.mark.parametrize(
    ("actor", "ago", "code"),
    [
        (SHOP, timedelta(minutes=-5, seconds=-1), "activity_in_future"),
        (SHOP, timedelta(days=31, seconds=1), "activity_too_old"),
        (SHOP, timedelta(days=31), None),
        (Actor("member", "m"), timedelta(hours=1, seconds=1), "activity_too_old"),
        (Actor("member", "m"), timedelta(hours=1), None),
    ],
)
def test_activity_comes_in_time(desk: Desk, actor: Actor, ago: timedelta, code: str | None) -> None:
    at, member = desk.clock.now() - ago, uuid4()
    if code is None:
        assert do(desk, member, at=at, actor=actor).status == 201
    else:
        assert refusal_of(lambda: do(desk, member, at=at, actor=actor)).code == code


def test_activity_of_nobody_or_of_a_frozen_member_is_refused(desk: Desk) -> None:
    nobody = refusal_of(lambda: do(desk, None, member_status="unknown"))
    assert (nobody.code, nobody.status) == ("unknown_member", 422)
    frozen = uuid4()
    told = {"member_id": frozen, "enrolled_at": desk.clock.now(), "channel": "store"}
    desk.hear(members.ENROLLED, frozen, told | {"status": "frozen"})
    assert refusal_of(lambda: do(desk, frozen)).code == "account_frozen"
    assert desk.database.query("SELECT 1 FROM activities") == []
