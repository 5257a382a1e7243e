from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.points.domain.rules import Caps, Streak, judge_activity, rooms, streak_of
from tests.unit.services.points.rules.cases import NOON, occasion, rule, scope

TODAY = date(2026, 3, 10)


@pytest.mark.parametrize(
    ("days_ago", "streak"),
    [((), 1), ((1,), 2), ((1, 2, 3), 4), ((2, 3), 1), ((0, 1), 2), ((1, 3), 2)],
)
def test_streak_is_the_days_in_a_row(days_ago: tuple[int, ...], streak: int) -> None:
    assert streak_of(TODAY, [TODAY - timedelta(days=ago) for ago in days_ago]) == streak


@pytest.mark.rule("E2", "E3")
@pytest.mark.parametrize(("streak", "points"), [(1, 5), (6, 5), (7, 55), (8, 5), (14, 55)])
def test_streak_gives_its_points_each_time_it_is_complete(streak: int, points: int) -> None:
    daily = rule("activity", activity="check_in", points=5, streak=Streak(7, 50))
    found = judge_activity("check_in", [daily], occasion(), {}, streak)
    assert found.points == points
    (entry,) = found.explain
    assert (entry["exact"], entry["rounded"]) == (str(points), points)
    inputs = {"activity": "check_in", "points": 5, "streak": streak, "streak_length": 7}
    assert entry["inputs"] == inputs | ({"streak_points": 50} if points == 55 else {})


def test_each_rule_of_the_activity_is_an_award_of_its_own() -> None:
    rules = [
        rule("activity", "a", activity="review", points=10),
        rule("activity", "b", activity="review", points=7, scope=scope(weekdays=["tue"])),
        rule("activity", "c", activity="review", points=3, scope=scope(weekdays=["sun"])),
        rule("activity", "d", activity="share", points=2),
        rule("multiplier", "e", value="2"),
    ]
    found = judge_activity("review", rules, occasion(), {})
    assert [(grant.rule.rule_id, grant.points) for grant in found.grants] == [("a", 10), ("b", 7)]
    assert found.by_line == ()
    assert found.used == {}  # none of them has a cap


@pytest.mark.rule("E3")
def test_cap_of_the_day_is_explained() -> None:
    review = rule("activity", activity="review", points=10, caps=Caps(per_member_per_day=4))
    room = rooms([review], "m", NOON.date(), {})
    found = judge_activity("review", [review], occasion(), room)
    assert found.points == 4
    assert found.explain[0]["inputs"] == {
        "activity": "review", "points": 10, "cap": "per_member_per_day", "cap_left": 4,
    }  # fmt: skip
    assert found.used == {"r": 4}


@pytest.mark.rule("E3")
@pytest.mark.parametrize(("limit", "is_cut"), [(9, True), (10, False), (11, False)])
def test_cap_is_named_only_where_it_cut(limit: int, is_cut: bool) -> None:
    review = rule("activity", activity="review", points=10, caps=Caps(total=limit))
    found = judge_activity("review", [review], occasion(), rooms([review], "m", NOON.date(), {}))
    assert ("cap" in found.explain[0]["inputs"]) is is_cut


@pytest.mark.rule("E3")
def test_activity_of_which_a_cap_leaves_nothing_is_explained_but_no_award() -> None:
    review = rule("activity", activity="review", points=10, caps=Caps(total=0))
    found = judge_activity("review", [review], occasion(), rooms([review], "m", NOON.date(), {}))
    assert (found.grants, found.used) == ((), {})
    assert found.explain[0]["rounded"] == 0


def test_check_in_without_a_known_streak_completes_none() -> None:
    daily = rule("activity", activity="check_in", points=5, streak=Streak(1, 50))
    assert judge_activity("check_in", [daily], occasion(), {}).points == 5
