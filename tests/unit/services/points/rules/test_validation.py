from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.points.domain.programme import LotTerms
from services.points.domain.rules import (
    Caps,
    Rule,
    RuleBook,
    Streak,
    Version,
    named,
    overlaps,
    problems,
)
from shared.errors import FieldError
from tests.unit.services.points.rules.cases import NOON, rule, scope

DAY = timedelta(days=1)
BASE: dict[str, Any] = {"kind": "base", "value": "0.01"}
BONUS: dict[str, Any] = {"kind": "threshold_bonus", "threshold_minor": 1, "points": 5}
CHECK_IN: dict[str, Any] = {"kind": "activity", "activity": "check_in", "points": 5}
# At most five weeks of a month end in it.
WEEKLY: dict[str, Any] = {"streak": Streak(7, 50)}
PROFILE: dict[str, Any] = {"activity": "profile_complete"}
TWICE: dict[str, Any] = {"kind": "multiplier", "value": "2"}


@pytest.mark.parametrize(
    "fields",
    [
        BASE,
        BASE | {"value": "0", "scope": scope(categories=["tobacco"])},
        TWICE | {"stackable": True, "scope": scope(hours=(22, 2), weekdays=["sat"])},
        {"kind": "addition", "points": 5},
        {"kind": "addition", "value": "0.5"},
        BONUS | {"pending_days": 14, "lot": LotTerms(1, "day"), "caps": Caps(5, 5, 10, 100)},
        CHECK_IN | {"streak": Streak(7, 50), "scope": scope(birthday_month=True)},
        CHECK_IN | {"caps": Caps(per_member_per_day=5, per_member_per_month=155)},
        CHECK_IN | WEEKLY | {"caps": Caps(per_member_per_day=55, per_member_per_month=405)},
        CHECK_IN | PROFILE | {"caps": Caps(per_member_per_day=5, total=10_000)},
        CHECK_IN | {"activity": "review", "caps": Caps(per_member_per_day=500)},
        TWICE | {"valid_from": NOON, "valid_until": NOON + DAY, "scope": scope(weekdays=["tue"])},
        *(BASE | {"value": value} for value in ("0", "10")),
        *(TWICE | {"value": value} for value in ("1", "100")),
        BONUS | {"pending_days": 30, "lot": LotTerms(1, "day")},
        TWICE | {"valid_until": NOON + DAY},
        # From Tuesday to Wednesday in UTC: somewhere it is Monday still, or Thursday already.
        TWICE | {"valid_until": NOON + DAY, "scope": scope(weekdays=["mon"])},
        TWICE | {"valid_until": NOON + DAY, "scope": scope(weekdays=["thu"])},
        TWICE | {"valid_until": NOON + 9 * DAY, "scope": scope(weekdays=["sun"])},
    ],
)
def test_sound_rule_has_no_problems(fields: dict[str, Any]) -> None:
    assert problems(rule(**fields), NOON, LotTerms()) == []


@pytest.mark.rule("E2")
@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"kind": "base"}, "value", "required"),
        ({"kind": "multiplier"}, "value", "required"),
        ({"kind": "threshold_bonus", "points": 5}, "threshold_minor", "required"),
        ({"kind": "threshold_bonus", "threshold_minor": 5}, "points", "required"),
        ({"kind": "activity", "points": 5}, "activity", "required"),
        ({"kind": "activity", "activity": "review"}, "points", "required"),
        ({"kind": "addition"}, "value", "ambiguous"),
        ({"kind": "addition", "value": "1", "points": 5}, "value", "ambiguous"),
        (BASE | {"value": "10.1"}, "value", "out_of_range"),
        (TWICE | {"value": "0.9"}, "value", "out_of_range"),
        (TWICE | {"value": "101"}, "value", "out_of_range"),
        (BASE | {"points": 5}, "points", "not_for_kind"),
        (BASE | {"threshold_minor": 5}, "threshold_minor", "not_for_kind"),
        (BASE | {"stackable": True}, "stackable", "not_for_kind"),
        (BASE | {"activity": "review"}, "activity", "not_for_kind"),
        (TWICE | {"pending_days": 5}, "pending_days", "not_for_kind"),
        (TWICE | {"lot": LotTerms()}, "lot", "not_for_kind"),
        (BONUS | {"value": "2"}, "value", "not_for_kind"),
        (CHECK_IN | {"activity": "review", "streak": Streak(2, 5)}, "streak", "not_for_activity"),
        (CHECK_IN | {"scope": scope(skus=["a"])}, "scope.skus", "contradictory_scope"),
        (
            CHECK_IN | {"scope": scope(first_purchase=True)},
            "scope.first_purchase",
            "contradictory_scope",
        ),
        (TWICE | {"scope": scope(weekdays=["funday"])}, "scope.weekdays", "unknown_weekday"),
        (TWICE | {"scope": scope(hours=(9, 9))}, "scope.local_time", "impossible_window"),
        (TWICE | {"scope": scope(hours=(24, 0))}, "scope.local_time", "impossible_window"),
        (
            TWICE | {"valid_from": NOON + DAY, "valid_until": NOON + DAY},
            "valid_until",
            "impossible_window",
        ),
        (TWICE | {"valid_until": NOON}, "valid_until", "impossible_window"),
        *(
            (
                TWICE | {"valid_until": NOON + DAY, "scope": scope(weekdays=[weekday])},
                "scope.weekdays",
                "impossible_window",
            )
            for weekday in ("fri", "sat", "sun")
        ),
        (
            BASE | {"caps": Caps(per_sale=10, per_member_per_day=9)},
            "caps.per_sale",
            "unreachable_cap",
        ),
        (
            BASE | {"caps": Caps(per_member_per_day=10, total=9)},
            "caps.per_member_per_day",
            "unreachable_cap",
        ),
        (
            BASE | {"caps": Caps(per_member_per_month=10, total=9)},
            "caps.per_member_per_month",
            "unreachable_cap",
        ),
        (BONUS | {"caps": Caps(per_sale=6)}, "caps.per_sale", "unreachable_cap"),
        (CHECK_IN | {"caps": Caps(per_sale=1)}, "caps.per_sale", "not_for_kind"),
        *(
            (CHECK_IN | fields | {"caps": caps}, f"caps.{cap}", "unreachable_cap")
            for fields, caps, cap in (
                ({}, Caps(per_member_per_day=6), "per_member_per_day"),
                (WEEKLY, Caps(per_member_per_day=56), "per_member_per_day"),
                ({}, Caps(per_member_per_month=156), "per_member_per_month"),
                (WEEKLY, Caps(per_member_per_month=406), "per_member_per_month"),
                (PROFILE, Caps(per_member_per_day=6), "per_member_per_day"),
                (PROFILE, Caps(per_member_per_month=6), "per_member_per_month"),
            )
        ),
        (BONUS | {"pending_days": 40, "lot": LotTerms(1, "day")}, "pending_days",
         "impossible_window"),
    ],
)  # fmt: skip
def test_contradiction_is_named(fields: dict[str, Any], field: str, code: str) -> None:
    (found,) = problems(rule(**fields), NOON, LotTerms())
    assert (found.field, found.code) == (field, code)
    assert found.message


@pytest.mark.rule("E2")
@pytest.mark.parametrize(
    ("fields", "unreachable"),
    [
        (
            BASE | {"caps": Caps(10, 9, 8, 7)},
            {"per_sale": "per_member_per_day is 9", "per_member_per_day": "month is 8",
             "per_member_per_month": "total is 7"},
        ),
        (BASE | {"caps": Caps(per_sale=10, total=9)}, {"per_sale": "total is 9"}),
        (BASE | {"caps": Caps(9, 9, 9, 9)}, {}),
    ],
)  # fmt: skip
def test_cap_that_is_never_reached_names_the_one_that_is(
    fields: dict[str, Any], unreachable: dict[str, str]
) -> None:
    found = {each.field.removeprefix("caps."): each.message
             for each in problems(rule(**fields), NOON, LotTerms())}  # fmt: skip
    assert found.keys() == unreachable.keys()
    assert all(unreachable[name] in message for name, message in found.items())


@pytest.mark.rule("E2")
def test_all_contradictions_of_a_rule_are_named_at_once() -> None:
    fields = BONUS | {"caps": Caps(7, 6), "pending_days": 31, "lot": LotTerms(1, "day")}
    found = problems(rule(**fields), NOON, LotTerms())
    assert [(each.field, each.code) for each in found] == [
        ("caps.per_sale", "unreachable_cap"),
        ("caps.per_sale", "unreachable_cap"),
        ("pending_days", "impossible_window"),
    ]


def published(other: Rule, since: datetime = NOON, retired_at: datetime | None = None) -> RuleBook:
    return RuleBook.of([Version(other, since, retired_at)])


TEA = scope(categories=["tea"])


@pytest.mark.rule("E2")
@pytest.mark.parametrize(
    ("mine", "other", "meet"),
    [
        ({}, {}, True),
        ({"scope": TEA}, {}, False),
        ({"scope": TEA}, {"scope": TEA}, True),
        ({"scope": TEA}, {"scope": scope(categories=["coffee"])}, False),
        ({"scope": TEA}, {"scope": scope(brands=["Longjing"])}, True),
        ({"scope": scope(hours=(9, 12))}, {"scope": scope(hours=(12, 15))}, False),
        ({"scope": scope(hours=(9, 13))}, {"scope": scope(hours=(12, 15))}, True),
        ({"scope": scope(hours=(22, 2))}, {"scope": scope(hours=(1, 3))}, True),
        ({"scope": scope(hours=(9, 12))}, {"scope": TEA}, True),
        ({"scope": TEA}, {"scope": scope(hours=(9, 12))}, True),
        ({"valid_until": NOON + DAY}, {"valid_from": NOON + DAY}, False),
        ({"valid_from": NOON + DAY}, {"valid_until": NOON + DAY}, False),
        ({"valid_from": NOON + DAY}, {"valid_until": NOON + 2 * DAY}, True),
    ],
)
def test_base_rules_for_the_same_lines_overlap(
    mine: dict[str, Any], other: dict[str, Any], meet: bool
) -> None:
    book = published(rule("base", "other", value="0.02", **other))
    found = overlaps(rule("base", "mine", value="0.01", **mine), NOON, book)
    assert [error.code for error in found] == ["overlapping_base"] * meet


@pytest.mark.rule("E2")
def test_every_rule_that_overlaps_is_named_once() -> None:
    mine = rule("base", "mine", value="0.01")
    others = [rule("base", rule_id, value="0.02") for rule_id in ("one", "two")]
    book = RuleBook.of(
        [
            Version(rule("multiplier", "double", value="2"), NOON),
            Version(mine, NOON),
            Version(others[0], NOON),
            Version(replace(others[0], version=2), NOON + DAY),
            Version(others[1], NOON),
        ]
    )
    found = overlaps(mine, NOON, book)
    assert [error.field for error in found] == ["scope", "scope"]
    assert ["(one)" in found[0].message, "(two)" in found[1].message] == [True, True]


@pytest.mark.rule("E2")
def test_version_that_never_came_to_be_overlaps_nothing() -> None:
    mine = rule("base", "mine", value="0.01")
    other = rule("base", "other", value="0.02")
    for_tea = rule("base", "other", value="0.02", scope=TEA)
    replaced = RuleBook.of(
        [
            Version(for_tea, NOON),
            Version(replace(other, version=2), NOON + 10 * DAY),
            Version(replace(for_tea, version=3), NOON + DAY),
        ]
    )
    assert overlaps(mine, NOON, replaced) == []
    assert overlaps(mine, NOON, published(other, NOON + DAY, retired_at=NOON + DAY)) == []


def test_errors_are_named_under_the_path_of_what_they_are_in() -> None:
    assert named("rules.2", [FieldError("value", "required", "Kind base needs it.")]) == [
        FieldError("rules.2.value", "required", "Kind base needs it.")
    ]


def test_retired_rules_own_versions_and_other_kinds_do_not_overlap() -> None:
    mine = rule("base", "mine", value="0.01")
    assert overlaps(mine, NOON, published(mine)) == []
    retired = published(rule("base", "other", value="1"), NOON - DAY, NOON)
    assert overlaps(mine, NOON, retired) == []
    assert overlaps(mine, NOON, published(rule("multiplier", "other", value="2"))) == []
    double = rule("multiplier", "m", value="2")
    assert overlaps(double, NOON, published(double)) == []


@pytest.mark.rule("E2")
def test_book_finds_the_version_of_an_instant() -> None:
    first, second = rule("base", value="0.01"), Rule("r", 2, "r", "base")
    book = RuleBook.of([Version(second, NOON + DAY), Version(first, NOON)])
    at = [NOON - DAY, NOON, NOON + DAY]
    assert [[found.version for found in book.at(instant)] for instant in at] == [[], [1], [2]]


def test_book_keeps_rules_apart() -> None:
    one, two = rule("base", "one", value="1"), rule("base", "two", value="2", scope=TEA)
    book = RuleBook.of([Version(one, NOON), Version(two, NOON), Version(one, NOON - DAY)])
    assert book.at(NOON) == [one, two]
    assert book.at(NOON - DAY) == [one]


def test_later_publication_replaces_what_was_announced_before() -> None:
    versions = [Version(Rule("r", n, "r", "base"), NOON + n_days * DAY)
                for n, n_days in ((1, 0), (2, 10), (3, 1))]  # fmt: skip
    book = RuleBook.of(versions)
    assert [rule.version for rule in book.at(NOON + 11 * DAY)] == [3]
    spans = {version.rule.version: (version.effective_from, ends) for version, ends in book.spans()}
    assert spans[2] == (NOON + 10 * DAY, NOON + DAY)
    assert spans[1] == (NOON, NOON + DAY)


def test_retired_rule_is_good_until_then() -> None:
    book = RuleBook.of([Version(rule("base", value="1"), NOON, NOON + DAY)])
    tick = timedelta(microseconds=1)
    assert [len(book.at(at)) for at in (NOON, NOON + DAY - tick, NOON + DAY)] == [1, 1, 0]
    assert NOON.tzinfo is UTC
