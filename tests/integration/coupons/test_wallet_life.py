"""What becomes of coupons in wallets: withdrawn, given away, announced, written down."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from services.coupons import codes
from shared.calls import Actor
from shared.contracts.coupons import rpc
from shared.ids import new_id
from tests.integration.coupons.harness import (
    NOON,
    Body,
    Coupons,
    Refused,
    held,
    rejected,
    together,
)

DAY = timedelta(days=1)


def void(coupons: Coupons, code: str) -> Body:
    return coupons.call(rpc.VOID, {"code": code, "reason": "Printed twice."})


def gift(coupons: Coupons, code: str, giver: UUID, receiver: UUID | None, **more: Any) -> Body:
    payload = {
        "code": code,
        "member_id": str(giver),
        "receiver_id": str(receiver) if receiver else None,
        **more,
    }
    return coupons.call(rpc.GIFT, payload, actor=Actor("member", str(giver)))


def history(coupons: Coupons, member_id: UUID, coupon_id: str, actor: Actor) -> list[Body]:
    payload = {"member_id": str(member_id), "coupon_id": coupon_id}
    items: list[Body] = coupons.call(rpc.HISTORY, payload, actor=actor)["items"]
    return items


@pytest.mark.rule("C1")
@pytest.mark.parametrize("named_by", ["code", "coupon_id"])
def test_void_withdraws_a_coupon_for_good_with_its_reason(coupons: Coupons, named_by: str) -> None:
    member_id, campaign_id, coupon = held(coupons)
    answer = void(coupons, coupon[named_by])
    assert (answer["status"], answer["code"]) == ("void", codes.masked(coupon["code"][-4:]))
    (seen,) = coupons.wallet(member_id)
    assert (seen["status"], seen["reason"]) == ("void", "void")
    assert rejected(coupons.reserve("o1", [coupon["code"]], member_id)) == {coupon["code"]: "void"}
    ((_, event),) = coupons.events("coupon.voided")
    assert event == {
        "coupon_id": coupon["coupon_id"],
        "campaign_id": campaign_id,
        "member_id": str(member_id),
        "reason": "Printed twice.",
    }
    with pytest.raises(Refused, match="coupon_state_conflict"):
        void(coupons, coupon["code"])


def test_coupon_that_is_used_or_held_is_not_voided(coupons: Coupons) -> None:
    member_id, _, coupon = held(coupons)
    coupons.reserve("o1", [coupon["code"]], member_id)
    with pytest.raises(Refused, match="coupon_state_conflict"):
        void(coupons, coupon["code"])
    coupons.sale_recorded("o1")
    with pytest.raises(Refused, match="coupon_state_conflict"):
        void(coupons, coupon["code"])
    for unknown in ("NOPE", str(new_id())):
        with pytest.raises(Refused, match="not_found"):
            void(coupons, unknown)


@pytest.mark.rule("C1", "C8")
def test_gift_moves_the_coupon_to_the_receiver_under_a_new_code(coupons: Coupons) -> None:
    member_id, campaign_id, coupon = held(
        coupons, giftable=True, validity={"days_after_issue": 20}, limits={"per_member": 1}
    )
    receiver = coupons.member()
    coupons.clock.advance(days=2)
    given = gift(coupons, coupon["code"], member_id, receiver, message="For your birthday")
    assert (given["status"], given["reason"]) == ("gifted", "gifted")
    (got,) = coupons.wallet(receiver)
    assert got["code"] != coupon["code"]
    for name in ("campaign_id", "value", "valid_from", "valid_until", "terms"):
        assert got[name] == coupon[name]
    assert (got["giftable"], got["gift_message"]) == (False, "For your birthday")
    assert coupons.wallet(receiver, owner=False)[0]["gift_message"] is None
    assert rejected(coupons.reserve("o1", [coupon["code"]], member_id)) == {
        coupon["code"]: "gifted"
    }
    assert coupons.reserve("o2", [got["code"]], receiver)["discount_minor"] == 500
    assert coupons.usage(campaign_id)["held", str(receiver)] == 1
    assert coupons.changes(coupon["coupon_id"])[-1] == ("issued", "gifted", "gift")
    assert coupons.changes(got["coupon_id"])[0] == (None, "issued", "gift")
    everything = str(coupons.database.query("SELECT coupons::text FROM coupons"))
    assert "For your birthday" not in everything


@pytest.mark.rule("C8")
def test_gift_is_refused_alike_whatever_is_wrong_with_the_receiver(coupons: Coupons) -> None:
    member_id, campaign_id, coupon = held(
        coupons, giftable=True, limits={"per_member": 1}, exclude={"tiers": ["GOLD"]}
    )
    holder = coupons.member()
    coupons.claim(campaign_id, holder)
    receivers = [None, member_id, holder, coupons.member("frozen"), coupons.member(tier="GOLD")]
    refusals = []
    for receiver in receivers:
        with pytest.raises(Refused) as caught:
            gift(coupons, coupon["code"], member_id, receiver)
        refusals.append(caught.value.error)
    assert refusals[0]["code"] == "gift_refused"
    assert all(each == refusals[0] for each in refusals)
    assert coupons.status(member_id) == "issued"


def test_coupon_is_given_once_and_only_if_the_campaign_says_so(coupons: Coupons) -> None:
    member_id, _, plain = held(coupons)
    with pytest.raises(Refused, match="not_giftable") as caught:
        gift(coupons, plain["code"], member_id, coupons.member())
    assert caught.value.error["extra"] == {"reason": "not_giftable"}
    giver, _, coupon = held(coupons, giftable=True)
    second, third = coupons.member(), coupons.member()
    with pytest.raises(Refused, match="not_found"):
        gift(coupons, coupon["code"], second, third)
    gift(coupons, coupon["code"], giver, second)
    (got,) = coupons.wallet(second)
    with pytest.raises(Refused, match="not_giftable") as caught:
        gift(coupons, got["code"], second, third)
    assert caught.value.error["extra"] == {"reason": "gifted_before"}


@pytest.mark.rule("C1")
def test_of_gifts_and_orders_at_once_one_has_the_coupon(coupons: Coupons) -> None:
    member_id, _, coupon = held(coupons, giftable=True)
    receivers = [coupons.member() for _ in range(6)]
    acts: list[Any] = [
        partial(gift, coupons, coupon["code"], member_id, each) for each in receivers
    ]
    acts += [
        partial(coupons.reserve, f"o{number}", [coupon["code"]], member_id) for number in range(6)
    ]
    results = together(acts, threads=8)
    given = [each for each in results[:6] if isinstance(each, dict)]
    used = [each for each in results[6:] if each["applied"]]
    assert len(given) + len(used) == 1
    assert {each for each in results[:6] if isinstance(each, str)} <= {"not_giftable"}
    assert sum(len(coupons.wallet(each)) for each in receivers) == len(given)


@pytest.mark.rule("C1")
def test_history_is_the_owners_and_names_actors_to_staff_only(coupons: Coupons) -> None:
    member_id, _, coupon = held(coupons)
    coupons.buy("o1", [coupon["code"]], member_id)
    own = history(coupons, member_id, coupon["coupon_id"], Actor("member", str(member_id)))
    assert [each["to_status"] for each in own] == ["issued", "reserved", "redeemed"]
    assert [each["by"] for each in own] == ["member", "terminal", "system"]
    assert {each["actor_id"] for each in own} == {None}
    assert own[1]["order_id"] == "o1"
    staff = history(coupons, member_id, coupon["coupon_id"], Actor("staff", "s1"))
    assert staff[1]["actor_id"] == "till-1"
    with pytest.raises(Refused, match="not_found"):
        history(coupons, coupons.member(), coupon["coupon_id"], Actor("staff", "s1"))


@pytest.mark.rule("C5")
def test_holder_hears_7_days_and_1_day_ahead_each_once(coupons: Coupons) -> None:
    member_id, _, coupon = held(coupons, validity={"days_after_issue": 20})
    said = []
    for _ in range(22):
        coupons.service.due_work()
        coupons.service.due_work()
        said.append([data["days_ahead"] for _, data in coupons.events("coupon.expiring")])
        coupons.clock.advance(days=1)
    # At noon of the day d there are 20.5 - d days left.
    assert said[13] == []
    assert said[14] == [7]
    assert said[19] == [7]
    assert said[20] == said[21] == [7, 1]
    assert coupons.events("coupon.expiring")[0][1] == {
        "coupon_id": coupon["coupon_id"],
        "campaign_id": coupon["campaign_id"],
        "member_id": str(member_id),
        "valid_until": coupon["valid_until"],
        "days_ahead": 7,
    }
    assert len(coupons.events("coupon.expired")) == 1


@pytest.mark.rule("C5")
def test_only_what_is_still_true_is_announced(coupons: Coupons) -> None:
    held(coupons, validity={"days_after_issue": 3})  # it never had 7 days
    late, _, _ = held(coupons, validity={"days_after_issue": 20})
    used, _, coupon = held(coupons, validity={"days_after_issue": 20})
    coupons.reserve("o1", [coupon["code"]], used, ttl_s=10**7)
    coupons.clock.move_to(NOON + 20 * DAY)  # nobody looked at the 7th day before
    coupons.service.due_work()
    said = [
        (data["member_id"], data["days_ahead"]) for _, data in coupons.events("coupon.expiring")
    ]
    assert said == [(str(late), 1)]


@pytest.mark.rule("C6")
def test_alarm_is_raised_once_at_80_and_at_95_percent(coupons: Coupons) -> None:
    campaign_id = coupons.public(value=500, budget_minor=10_000)
    for number in range(15):
        coupons.buy(f"o{number}", ["SPRING"])
    assert coupons.events("campaign.budget_alarm") == []
    coupons.buy("o15", ["SPRING"])
    coupons.sale_cancelled("o15")
    coupons.buy("again", ["SPRING"])
    for number in range(16, 20):
        coupons.buy(f"o{number}", ["SPRING"])
    told = [data for _, data in coupons.events("campaign.budget_alarm")]
    assert [(each["percent"], each["used"]) for each in told] == [(80, 8_000), (95, 9_500)]
    assert {each["campaign_id"] for each in told} == {campaign_id}
    assert {(each["scope"], each["limit"]) for each in told} == {("budget", 10_000)}


@pytest.mark.rule("C6")
def test_alarm_of_a_total_counts_what_is_issued(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(limits={"total": 5})
    coupons.issue(campaign_id, *(coupons.member() for _ in range(5)))
    told = [data for _, data in coupons.events("campaign.budget_alarm")]
    assert [(each["scope"], each["percent"]) for each in told] == [("total", 80), ("total", 95)]


@pytest.mark.rule("C3")
def test_restored_coupon_is_as_one_that_was_never_used(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(
        validity={"days_after_issue": 20}, limits={"per_member": 9}, budget_minor=5_000
    )
    member_id = coupons.member()
    used, fresh = coupons.claim(campaign_id, member_id), coupons.claim(campaign_id, member_id)
    before = coupons.usage(campaign_id)
    coupons.buy("o1", [used["code"]], member_id)
    coupons.sale_cancelled("o1")
    own = {"coupon_id", "code_digest", "code_sealed", "code_hint"}
    # The status says where it has been; nothing else does.
    past = {"status", "free_status", "updated_at"}
    rows = coupons.database.query("SELECT * FROM coupons ORDER BY coupon_id")
    one, other = (
        {name: value for name, value in row._mapping.items() if name not in own | past}
        for row in rows
    )
    assert one == other
    assert {k: v for k, v in coupons.usage(campaign_id).items() if v} == before
    seen = {item["coupon_id"]: item for item in coupons.wallet(member_id)}
    for name in set(used) - {"coupon_id", "code", "status"}:
        assert seen[used["coupon_id"]][name] == seen[fresh["coupon_id"]][name]
    answers = [
        coupons.reserve(f"n{n}", [each["code"]], member_id) for n, each in enumerate((used, fresh))
    ]
    assert [each["discount_minor"] for each in answers] == [500, 500]
