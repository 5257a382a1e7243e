from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.coupons.domain import (
    Limits,
    Validity,
    draft_problems,
    issue_demands,
    publish_problems,
)
from tests.unit.services.coupons.examples import MEMBER, NOW, terms

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"value": None}, "value"),
        ({"kind": "percent_off", "value": 101}, "value"),
        ({"kind": "free_shipping", "value": 1}, "value"),
        ({"validity": Validity(starts_at=NOW)}, "validity"),
        ({"validity": Validity(starts_at=NOW, ends_at=NOW)}, "validity.until"),
        ({"validity": Validity(days_after_issue=3, never_expires=True)}, "validity"),
        (
            {"code_type": "public", "validity": Validity(days_after_issue=3)},
            "validity.days_after_issue",
        ),
        ({"code_value": "SPRING"}, "code.value"),
    ],
)
def test_contradiction_in_a_draft_is_named(wrong: dict[str, Any], field: str) -> None:
    assert [problem.field for problem in draft_problems(terms(**wrong))] == [field]


@pytest.mark.parametrize(
    ("unfinished", "field"),
    [
        ({"validity": Validity()}, "validity"),
        ({"validity": Validity(starts_at=NOW - DAY, ends_at=NOW)}, "validity.until"),
        ({"code_type": "public"}, "code.value"),
        ({"value": 500, "budget_minor": 499}, "budget_minor"),
        ({"value": 500, "max_discount_minor": 300, "budget_minor": 299}, "budget_minor"),
    ],
)
@pytest.mark.rule("C5")
def test_unfinished_draft_may_stay_one_but_not_be_published(
    unfinished: dict[str, Any], field: str
) -> None:
    assert draft_problems(terms(**unfinished)) == []
    assert [problem.field for problem in publish_problems(terms(**unfinished), NOW)] == [field]


@pytest.mark.parametrize(
    "finished",
    [
        {"validity": Validity(never_expires=True)},
        {"validity": Validity(days_after_issue=0)},
        {"validity": Validity(starts_at=NOW, ends_at=NOW + DAY)},
        {"kind": "free_shipping", "value": None},
        {"value": 500, "max_discount_minor": 300, "budget_minor": 300},
    ],
)
def test_finished_draft_has_no_problems(finished: dict[str, Any]) -> None:
    assert publish_problems(terms(**finished), NOW) == []


def test_issue_draws_on_total_only_for_unique_codes_with_one() -> None:
    assert issue_demands(terms(), MEMBER) == ()
    drawn = issue_demands(terms(limits=Limits(total=9, per_member=2)), MEMBER)
    assert [(each.scope, each.limit, each.refusal) for each in drawn] == [
        ("held", 2, "limit_reached"),
        ("issued", 9, "budget_exhausted"),
    ]
