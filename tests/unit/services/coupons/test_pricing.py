from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.coupons.domain import (
    Candidate,
    Evaluation,
    Limits,
    Scope,
    Stacking,
    Validity,
    evaluate,
    message_for,
    refusal,
)
from tests.unit.services.coupons.examples import (
    MEMBER,
    NOW,
    OTHER,
    basket,
    line,
    own,
    public,
)

TOMORROW = Validity(starts_at=NOW + timedelta(microseconds=1), ends_at=NOW + timedelta(days=1))


def discounts(evaluation: Evaluation) -> list[dict[str, int]]:
    return [dict(each.by_line) for each in evaluation.applied]


def reasons(evaluation: Evaluation) -> dict[str, str]:
    unused = (*evaluation.skipped, *evaluation.rejected)
    return {each.code: each.reason for each in unused}


def limited(scope: str, holder: str, used: int, **more: Any) -> Candidate:
    candidate = public(**more)
    return Candidate(candidate.code, candidate.campaign, None, {(scope, holder): used})


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"kind": "amount_off", "value": 500}, {"1": 334, "2": 166}),
        ({"kind": "amount_off", "value": 9_000}, {"1": 2_001, "2": 999}),
        ({"kind": "percent_off", "value": 33}, {"1": 660, "2": 330}),
        ({"kind": "percent_off", "value": 100}, {"1": 2_001, "2": 999}),
        ({"kind": "percent_off", "value": 50, "max_discount_minor": 100}, {"1": 67, "2": 33}),
        ({"kind": "fixed_price", "value": 600}, {"1": 801, "2": 399}),
        ({"kind": "fixed_price", "value": 1_000}, {"1": 1}),
        ({"kind": "free_shipping", "value": None}, {"ship": 800}),
        (
            {"kind": "free_shipping", "value": None, "max_discount_minor": 300},
            {"ship": 300},
        ),
    ],
)
@pytest.mark.rule("C7")
def test_discount_of_each_kind_is_shared_to_its_lines(
    terms: dict[str, Any], expected: dict[str, int]
) -> None:
    bought = basket(
        line("1", 2_001, quantity=2), line("2", 999), line("ship", 800, kind="shipping")
    )
    assert discounts(evaluate(bought, [public(**terms)])) == [expected]


@pytest.mark.rule("C7")
def test_percent_is_floored_once_not_per_line() -> None:
    bought = basket(line("1", 5), line("2", 5), line("3", 5), line("4", 5))
    (by_line,) = discounts(evaluate(bought, [public(kind="percent_off", value=10)]))
    assert by_line == {"1": 1, "2": 1}  # 10 % of 20 is 2; floored per line it would be nothing


@pytest.mark.rule("C7")
def test_percent_is_of_the_price_after_the_coupons_before_it() -> None:
    first = public("A", value=400, stacking=Stacking("a"))
    second = public("B", kind="percent_off", value=50, stacking=Stacking("b"))
    assert discounts(evaluate(basket(), [first, second])) == [{"1": 400}, {"1": 300}]
    assert discounts(evaluate(basket(), [second, first])) == [{"1": 500}, {"1": 400}]


@pytest.mark.rule("C7")
def test_lower_priority_goes_first_in_mode_priority() -> None:
    first = public("A", value=400, stacking=Stacking("a"), priority=20)
    second = public("B", kind="percent_off", value=50, stacking=Stacking("b"), priority=10)
    evaluation = evaluate(basket(), [first, second], "priority")
    assert [each.candidate.code for each in evaluation.applied] == ["B", "A"]


def test_gift_cards_fees_and_shipping_are_not_discounted() -> None:
    lines = [line(kind, 500, kind=kind) for kind in ("gift_card", "fee", "shipping", "product")]
    assert discounts(evaluate(basket(*lines), [public(value=9_000)])) == [{"product": 500}]


@pytest.mark.parametrize(
    ("scope", "excluded", "expected"),
    [
        (Scope(skus=frozenset({"sku-2"})), Scope(), {"2"}),
        (Scope(categories=frozenset({"tea"}), brands=frozenset({"Other"})), Scope(), {"2"}),
        (Scope(), Scope(skus=frozenset({"sku-1"})), {"2", "3"}),
        (Scope(categories=frozenset({"tea"})), Scope(brands=frozenset({"Other"})), {"1"}),
    ],
)
def test_scope_and_exclude_choose_the_lines(
    scope: Scope, excluded: Scope, expected: set[str]
) -> None:
    bought = basket(line("1"), line("2", brand="Other"), line("3", category=None, brand=None))
    candidate = public(kind="percent_off", value=10, scope=scope, excluded=excluded)
    assert set(discounts(evaluate(bought, [candidate]))[0]) == expected


@pytest.mark.parametrize(
    ("candidate", "bought", "reason"),
    [
        (Candidate("NOPE"), basket(), "unknown"),
        (public(status="draft"), basket(), "unknown"),
        (public(status="paused"), basket(), "paused"),
        (public(status="archived"), basket(), "archived"),
        (own(status="redeemed"), basket(), "used"),
        (own(status="reserved"), basket(), "reserved"),
        (own(status="void"), basket(), "void"),
        (own(status="gifted"), basket(), "gifted"),
        (own(member_id=OTHER), basket(), "foreign"),
        (own(member_id=OTHER, status="redeemed"), basket(), "foreign"),
        (own(), basket(member_id=None), "member_required"),
        (own(), basket(member_status="frozen"), "member_not_active"),
        (public(limits=Limits(per_member=1)), basket(member_id=None), "member_required"),
        (own(valid_until=NOW), basket(), "lapsed"),
        (own(status="expired", valid_until=NOW), basket(), "lapsed"),
        (own(validity=TOMORROW), basket(), "not_yet_valid"),
        (public(validity=TOMORROW), basket(), "not_yet_valid"),
        (public(scope=Scope(skus=frozenset({"x"}))), basket(), "wrong_scope"),
        (public(scope=Scope(stores=frozenset({"S1"}))), basket(store_id="S2"), "wrong_scope"),
        (public(scope=Scope(stores=frozenset({"S1"}))), basket(), "wrong_scope"),
        (public(excluded=Scope(channels=frozenset({"store"}))), basket(), "wrong_scope"),
        (public(scope=Scope(tiers=frozenset({"GOLD"}))), basket(tier="SILVER"), "wrong_scope"),
        (public(scope=Scope(tiers=frozenset({"GOLD"}))), basket(), "wrong_scope"),
        (public(kind="free_shipping", value=None), basket(), "wrong_scope"),
        (public(min_spend_minor=1_001), basket(), "below_minimum"),
        (limited("uses", "", 3, limits=Limits(total=3)), basket(), "budget_exhausted"),
        (limited("budget", "", 900, budget_minor=1_000), basket(), "budget_exhausted"),
        (limited("budget", "", 1_000, budget_minor=1_000), basket(), "budget_exhausted"),
        (
            limited("store", "S1", 1, limits=Limits(per_store=1)),
            basket(store_id="S1"),
            "limit_reached",
        ),
        (limited("store", "", 1, limits=Limits(per_store=1)), basket(), "limit_reached"),
        (limited("member", str(MEMBER), 2, limits=Limits(per_member=2)), basket(), "limit_reached"),
        (
            limited("member_day", f"{MEMBER}/2026-03-10", 1, limits=Limits(per_member_per_day=1)),
            basket(),
            "limit_reached",
        ),
    ],
)
@pytest.mark.rule("C7", "C6")
def test_code_that_cannot_count_is_rejected_with_its_own_reason(
    candidate: Candidate, bought: Any, reason: str
) -> None:
    evaluation = evaluate(bought, [candidate])
    assert [(each.code, each.reason) for each in evaluation.rejected] == [(candidate.code, reason)]
    assert not evaluation.applied
    assert not evaluation.skipped
    assert message_for(reason).endswith(".")


@pytest.mark.parametrize(
    "candidate",
    [
        own(valid_until=NOW + timedelta(microseconds=1)),
        own(validity=Validity(starts_at=NOW, ends_at=NOW + timedelta(days=1))),
        own(status="restored"),
        own(status="expired", valid_until=NOW + timedelta(days=1)),
        own(member_id=None),
        public(min_spend_minor=1_000),
        limited("uses", "", 2, limits=Limits(total=3)),
        limited("budget", "", 500, budget_minor=1_000),
        limited("member_day", f"{MEMBER}/2026-03-09", 1, limits=Limits(per_member_per_day=1)),
    ],
)
def test_code_at_the_edge_of_its_terms_counts(candidate: Candidate) -> None:
    assert refusal(candidate, basket()) is None
    assert len(evaluate(basket(), [candidate]).applied) == 1


def test_archived_campaign_keeps_the_coupons_that_members_hold() -> None:
    held = own()
    assert held.campaign is not None
    ended = Candidate(held.code, public(status="archived").campaign, None)
    assert refusal(ended, basket()) == "archived"
    archived = type(held.campaign)(held.campaign.campaign_id, "x", "archived", held.campaign.terms)
    assert refusal(Candidate("OWN", archived, held.coupon), basket()) is None


@pytest.mark.rule("C7")
def test_one_coupon_per_category_and_five_in_all() -> None:
    many = [public(f"C{n}", value=10, stacking=Stacking(f"c{n}")) for n in range(7)]
    again = public("AGAIN", value=10, stacking=Stacking("c0"))
    evaluation = evaluate(basket(), [many[0], again, *many[1:]])
    assert [each.candidate.code for each in evaluation.applied] == ["C0", "C1", "C2", "C3", "C4"]
    assert reasons(evaluation) == {
        "AGAIN": "category_taken",
        "C5": "too_many",
        "C6": "too_many",
    }


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (Stacking("a"), Stacking("b"), True),
        (Stacking("a", exclusive=True), Stacking("b"), False),
        (Stacking("a", exclusive=True, joint_with=frozenset({"b"})), Stacking("b"), True),
        (Stacking("a"), Stacking("b", joint_with=frozenset({"z"})), True),
        (
            Stacking("a", exclusive=True, joint_with=frozenset({"b"})),
            Stacking("b", exclusive=True),
            False,
        ),
    ],
)
@pytest.mark.rule("C7")
def test_exclusive_coupon_joins_only_the_categories_it_names(
    one: Stacking, other: Stacking, together: bool
) -> None:
    pair = [public("A", value=10, stacking=one), public("B", value=10, stacking=other)]
    for order in (pair, pair[::-1]):
        evaluation = evaluate(basket(), order)
        assert len(evaluation.applied) == (2 if together else 1)
        expected = {} if together else {order[1].code: "not_combinable"}
        assert reasons(evaluation) == expected


def test_same_coupon_in_two_spellings_is_a_duplicate() -> None:
    held = own("K7PX")
    again = Candidate("k7px", held.campaign, held.coupon)
    assert reasons(evaluate(basket(), [held, again])) == {"k7px": "duplicate"}


def test_coupon_that_finds_nothing_left_is_skipped() -> None:
    all_of_it = public("ALL", value=1_000, stacking=Stacking("a"))
    late = public("LATE", value=1, stacking=Stacking("b"))
    assert reasons(evaluate(basket(), [all_of_it, late])) == {"LATE": "no_discount"}


def test_rejected_code_leaves_room_for_the_next_of_its_category() -> None:
    small = limited("budget", "", 999, budget_minor=1_000)
    evaluation = evaluate(basket(), [small, public("NEXT")])
    assert [each.candidate.code for each in evaluation.applied] == ["NEXT"]
    assert reasons(evaluation) == {"SPRING": "budget_exhausted"}
