from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.coupons.domain import (
    Limits,
    Scope,
    Validity,
    draft_problems,
    issue_demands,
    publish_problems,
    revision_problems,
)
from services.coupons.domain.campaign import CHANNELS
from shared.contracts.members import events as contract
from tests.unit.services.coupons.examples import MEMBER, NOW, terms

DAY = timedelta(days=1)
A = frozenset({"a"})


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
        ({"gift_sku": "mug"}, "gift_sku"),
        ({"kind": "gift", "value": None}, "gift_sku"),
        ({"kind": "gift", "gift_sku": "mug"}, "value"),
        ({"kind": "gift", "value": None, "gift_sku": "mug", "budget_minor": 9}, "budget_minor"),
        ({"scope": Scope(skus=A), "excluded": Scope(skus=A | {"b"})}, "scope.skus"),
        ({"excluded": Scope(channels=CHANNELS)}, "exclude.channels"),
        ({"limits": Limits(total=2, per_member=3)}, "limits.per_member"),
        ({"limits": Limits(per_member=1, per_member_per_day=2)}, "limits.per_member_per_day"),
        ({"code_type": "public", "code_pattern": "TEA-*"}, "code.pattern"),
    ],
)
def test_contradiction_in_a_draft_is_named(wrong: dict[str, Any], field: str) -> None:
    assert [problem.field for problem in draft_problems(terms(**wrong))] == [field]


def test_channels_are_those_of_the_contract() -> None:
    assert frozenset(contract.CHANNELS) == CHANNELS


@pytest.mark.parametrize(
    ("unfinished", "field"),
    [
        ({"validity": Validity()}, "validity"),
        ({"validity": Validity(starts_at=NOW - DAY, ends_at=NOW)}, "validity.until"),
        ({"code_type": "public"}, "code.value"),
        ({"value": 500, "budget_minor": 499}, "budget_minor"),
        ({"value": 500, "max_discount_minor": 300, "budget_minor": 299}, "budget_minor"),
        (
            {"kind": "percent_off", "value": 10, "min_spend_minor": 5_000, "budget_minor": 499},
            "budget_minor",
        ),
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
        {"kind": "percent_off", "value": 10, "min_spend_minor": 5_000, "budget_minor": 500},
        {"kind": "gift", "value": None, "gift_sku": "mug"},
        {"scope": Scope(skus=A | {"b"}), "excluded": Scope(skus=A)},
        {"limits": Limits(total=2, per_member=2, per_member_per_day=2, per_store=9)},
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


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "percent_off", "value": 10}, "kind"),
        ({"code_type": "public", "code_value": "SPRING"}, "code"),
        ({"limits": Limits()}, "limits.total"),
        ({"limits": Limits(total=9, per_store=1)}, "limits.per_store"),
        ({"budget_minor": 9_000}, "budget_minor"),
        ({"validity": Validity()}, "validity"),
    ],
)
def test_revision_keeps_what_is_fixed(change: dict[str, Any], field: str) -> None:
    before: dict[str, Any] = {"limits": Limits(total=9)}
    problems = revision_problems(terms(**before), terms(**{**before, **change}), NOW)
    assert [problem.field for problem in problems] == [field]


def test_revision_may_change_value_scope_dates_and_the_number_of_a_limit() -> None:
    changed = terms(
        value=700,
        limits=Limits(total=3),
        scope=Scope(skus=A),
        validity=Validity(days_after_issue=3),
    )
    assert revision_problems(terms(limits=Limits(total=9)), changed, NOW) == []
