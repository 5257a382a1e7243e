from __future__ import annotations

from datetime import date

import pytest

from services.points.domain.rules import Caps, Counter, Room, counters, rooms
from tests.unit.services.points.rules.cases import rule

TODAY = date(2026, 3, 10)
EVERY_CAP = rule("multiplier", value="2", caps=Caps(40, 30, 20, 10))
OF_DAY = Counter("r", "m", "2026-03-10")
OF_MONTH = Counter("r", "m", "2026-03")
OF_ALL = Counter("r", "", "")


@pytest.mark.rule("E3")
def test_each_cap_counts_for_its_holder_and_period() -> None:
    assert counters(EVERY_CAP, "m", TODAY) == [
        ("per_member_per_day", OF_DAY, 30),
        ("per_member_per_month", OF_MONTH, 20),
        ("total", OF_ALL, 10),
    ]
    assert counters(rule("multiplier", caps=Caps(per_sale=5)), "m", TODAY) == []


@pytest.mark.rule("E3")
@pytest.mark.parametrize(
    ("used", "room"),
    [
        ({}, Room(10, "total")),
        ({OF_ALL: 4}, Room(6, "total")),
        ({OF_ALL: 10}, Room(0, "total")),
        ({OF_ALL: 11}, Room(0, "total")),
        ({OF_MONTH: 15}, Room(5, "per_member_per_month")),
        ({OF_DAY: 29}, Room(1, "per_member_per_day")),
        ({OF_MONTH: 10}, Room(10, "per_member_per_month")),
        # What others got, and what was given in other periods, leaves as much.
        ({Counter("r", "n", "2026-03-10"): 30, Counter("r", "m", "2026-02"): 20,
          Counter("s", "", ""): 10}, Room(10, "total")),
    ],
)  # fmt: skip
def test_room_is_what_the_tightest_cap_leaves(used: dict[Counter, int], room: Room) -> None:
    assert rooms([EVERY_CAP], "m", TODAY, used) == {"r": room}


@pytest.mark.rule("E3")
def test_only_rules_with_caps_have_a_room() -> None:
    free = rule("multiplier", "free", value="2")
    capped = rule("multiplier", "capped", value="2", caps=Caps(per_sale=5, total=5))
    assert rooms([free, capped], "m", TODAY, {}) == {"capped": Room(5, "per_sale")}
