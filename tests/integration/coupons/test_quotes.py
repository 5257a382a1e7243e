"""Quotes: the same judgement as a reservation's, and nothing held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from shared.calls import Actor
from shared.contracts.coupons import rpc
from tests.integration.coupons.harness import TILL, Coupons, held, rejected

LINE = {"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 1_000}
YEAR_AGO = {"from": "2025-01-01T00:00:00Z", "until": "2026-03-11T00:00:00Z"}


def quote(
    coupons: Coupons,
    codes: Sequence[str],
    member_id: UUID | None = None,
    *,
    actor: Actor = TILL,
    **more: Any,
) -> dict[str, Any]:
    payload = {
        "member_id": str(member_id) if member_id else None,
        "channel": "store",
        "store_id": "S001",
        "currency": "CNY",
        "lines": [LINE],
        "codes": list(codes),
        **more,
    }
    return coupons.call(rpc.QUOTE, payload, actor=actor)


@pytest.mark.rule("C7")
def test_quote_is_what_a_reservation_would_be_and_holds_nothing(coupons: Coupons) -> None:
    member_id, campaign_id, coupon = held(coupons, budget_minor=5_000)
    coupons.public("TEN", kind="percent_off", value=10, stacking={"category": "b"})
    codes = [coupon["code"], "TEN", "NOPE"]
    quoted = quote(coupons, codes, member_id)
    assert (coupons.status(member_id), coupons.usage(campaign_id)) == ("issued", {})
    reserved = coupons.reserve("o1", codes, member_id)
    assert reserved == {"order_id": "o1", **quoted}
    best = quote(coupons, codes[1:], member_id, mode="best_for_member")
    assert best["discount_minor"] == 100


@pytest.mark.rule("C8")
def test_till_hears_each_reason_and_a_guesser_the_same_one(coupons: Coupons) -> None:
    member_id, other = coupons.member(), coupons.member()
    code = {
        "used": coupons.claim(coupons.campaign(), member_id)["code"],
        "reserved": coupons.claim(coupons.campaign(), member_id)["code"],
        "lapsed": coupons.claim(coupons.campaign(validity=YEAR_AGO), member_id)["code"],
        "foreign": coupons.claim(coupons.campaign(), other)["code"],
        "not_yet_valid": coupons.claim(
            coupons.campaign(
                validity={"from": "2026-03-20T00:00:00Z", "until": "2026-04-01T00:00:00Z"}
            ),
            member_id,
        )["code"],
        "wrong_scope": coupons.claim(coupons.campaign(scope={"skus": ["x"]}), member_id)["code"],
        "below_minimum": coupons.claim(coupons.campaign(min_spend_minor=1_001), member_id)["code"],
        "unknown": "NOPE",
    }
    coupons.public("EMPTY", limits={"total": 1})
    code["budget_exhausted"] = "EMPTY"
    coupons.buy("o1", [code["used"]], member_id)
    coupons.buy("o2", ["EMPTY"], member_id)
    coupons.clock.advance(days=1)
    coupons.reserve("o3", [code["reserved"]], member_id)
    till = quote(coupons, list(code.values()), member_id)
    assert rejected(till) == {given: reason for reason, given in code.items()}
    owner = quote(coupons, list(code.values()), member_id, actor=Actor("member", str(member_id)))
    secret = {"foreign", "unknown"}
    assert rejected(owner) == {
        given: "not_usable" if reason in secret else reason for reason, given in code.items()
    }
    thief = coupons.member()
    guessed = quote(coupons, list(code.values()), thief, actor=Actor("member", str(thief)))
    assert set(rejected(guessed).values()) == {"not_usable", "budget_exhausted"}
    assert rejected(guessed)["EMPTY"] == "budget_exhausted"


@pytest.mark.rule("C2")
def test_what_an_order_held_beyond_its_time_is_free_at_once_without_a_sweep(
    coupons: Coupons,
) -> None:
    member_id, campaign_id, coupon = held(coupons, limits={"per_store": 1})
    coupons.reserve("o1", [coupon["code"]], member_id, ttl_s=60)
    coupons.clock.advance(seconds=59)
    assert rejected(quote(coupons, [coupon["code"]], member_id)) == {coupon["code"]: "reserved"}
    coupons.clock.advance(seconds=1)
    assert coupons.reserve("o2", [coupon["code"]], member_id)["discount_minor"] == 500
    assert coupons.usage(campaign_id)["store", "S001"] == 1
    coupons.release("o2")
    assert quote(coupons, [coupon["code"]], member_id)["discount_minor"] == 500


def test_member_without_known_tier_is_in_the_entry_tier(coupons: Coupons) -> None:
    member_id = coupons.member()
    bronze = coupons.campaign(scope={"tiers": ["BRONZE"]})
    coupons.public("GOLDEN", scope={"tiers": ["GOLD"]})
    coupon = coupons.claim(bronze, member_id)
    answer = quote(coupons, [coupon["code"], "GOLDEN"], member_id)
    assert (answer["discount_minor"], rejected(answer)) == (500, {"GOLDEN": "wrong_scope"})
    coupons.tier(member_id, "GOLD")
    answer = quote(coupons, [coupon["code"], "GOLDEN"], member_id)
    assert rejected(answer) == {coupon["code"]: "wrong_scope"}


def test_codes_in_another_currency_are_each_rejected(coupons: Coupons) -> None:
    coupons.public()
    answer = quote(coupons, ["SPRING", "NOPE"], currency="USD")
    assert set(rejected(answer).values()) == {"currency_mismatch"}
