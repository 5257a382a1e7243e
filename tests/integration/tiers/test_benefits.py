from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.tiers import use_cases
from shared.contracts.tiers import rpc as contract
from shared.ids import new_id
from tests.integration.tiers.harness import START, Tiers, cancelled, closed, enrolled, sold, updated

CAMPAIGN = "0192f3a0-0000-7000-8000-0000000000c1"
SHIPPING = {
    "code": "SHIPPING",
    "kind": "free_shipping",
    "name": "Free shipping",
    "quota": {"count": 5, "per": "year"},
}
BENEFITS = [
    SHIPPING,
    {"code": "PRICE", "kind": "member_price", "value": 5},
    {"code": "EVENT", "kind": "event_invitation", "quota": {"count": 1, "per": "tier_period"}},
    {"code": "GIFT", "kind": "birthday_gift", "campaign_id": CAMPAIGN},
    {"code": "UP", "kind": "upgrade_coupon", "campaign_id": CAMPAIGN},
]


def level(code: str, rank: int, threshold: int, *benefits: Any) -> dict[str, Any]:
    return {
        "code": code,
        "name": code,
        "rank": rank,
        "threshold": threshold,
        "multiplier": "1",
        "benefits": list(benefits),
    }


@pytest.fixture
def member_id(tiers: Tiers) -> UUID:
    """A member whose tier GOLD has all kinds of benefits."""
    draft = {
        "name": "With benefits",
        "metric": "qualifying_points",
        "window": {"type": "rolling", "months": 12},
        "levels": [level("BRONZE", 0, 0), level("GOLD", 1, 100, *BENEFITS)],
    }
    version = tiers.call(contract.CREATE_PROGRAMME, draft)["version"]
    tiers.call(contract.PUBLISH_PROGRAMME, {"version": version})
    tiers.clock.advance(hours=1)
    member_id = new_id()
    tiers.hear(enrolled(member_id, tiers.clock.now(), birth_month=5))
    tiers.hear(sold(member_id, "s-1", 10_000, tiers.clock.now()))
    return member_id


def use(member_id: UUID, use_id: str, code: str = "SHIPPING", order: str = "o-1") -> dict[str, str]:
    return {"member_id": str(member_id), "code": code, "use_id": use_id, "reference": order}


def left(tiers: Tiers, member_id: UUID, code: str = "SHIPPING") -> int:
    items = tiers.call(contract.MEMBER_BENEFITS, {"member_id": str(member_id)})["items"]
    remaining: int = next(item for item in items if item["code"] == code)["quota"]["remaining"]
    return remaining


@pytest.mark.rule("T6")
def test_benefits_of_the_tier_are_shown_with_what_is_left(tiers: Tiers, member_id: UUID) -> None:
    tiers.call(contract.USE_BENEFIT, use(member_id, "u-1"))
    body = tiers.call(contract.MEMBER_BENEFITS, {"member_id": str(member_id)})
    assert body["tier"] == "GOLD"
    assert [item["code"] for item in body["items"]] == ["SHIPPING", "PRICE", "EVENT", "GIFT", "UP"]
    assert body["items"][:3] == tiers.tier(member_id)["benefits"][:3]
    shipping, price, event = body["items"][:3]
    assert shipping["quota"] == {
        "count": 5,
        "used": 1,
        "remaining": 4,
        "period_ends_on": "2026-12-31",
    }
    assert (price["value"], price["quota"], price["name"]) == (5, None, "PRICE")
    assert event["quota"]["period_ends_on"] == "2027-03-01"
    assert event["valid_until"] == "2027-03-31T16:00:00Z"
    other = new_id()
    assert tiers.call(contract.MEMBER_BENEFITS, {"member_id": str(other)})["items"] == []


@pytest.mark.rule("T6")
def test_same_use_again_counts_once_and_another_under_its_id_is_refused(
    tiers: Tiers, member_id: UUID
) -> None:
    made = tiers.call(contract.USE_BENEFIT, use(member_id, "u-1"))
    assert tiers.call(contract.USE_BENEFIT, use(member_id, "u-1")) == made
    assert left(tiers, member_id) == 4
    for other in (use(member_id, "u-1", order="o-2"), use(member_id, "u-1", "EVENT")):
        assert tiers.refusal(contract.USE_BENEFIT, other) == "benefit_use_conflict"
    stranger = new_id()
    tiers.hear(enrolled(stranger))
    refused = tiers.refusal(contract.USE_BENEFIT, use(stranger, "u-1"))
    assert refused == "benefit_use_conflict"
    assert len(tiers.told("benefit.used")) == 1


@pytest.mark.rule("T6")
def test_fifty_parallel_uses_of_a_quota_of_five_give_five(tiers: Tiers, member_id: UUID) -> None:
    def attempt(number: int) -> str:
        reply = tiers.reply(contract.USE_BENEFIT, use(member_id, f"u-{number}"))
        code: str = reply["error"]["code"] if "error" in reply else "used"
        return code

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(attempt, range(50)))
    assert sorted(found) == ["benefit_exhausted"] * 45 + ["used"] * 5
    assert left(tiers, member_id) == 0
    error = tiers.error(contract.USE_BENEFIT, use(member_id, "one-more"))
    assert error["extra"] == {"count": 5, "period_ends_on": "2026-12-31"}


@pytest.mark.rule("T6")
def test_quota_begins_anew_with_its_period(tiers: Tiers, member_id: UUID) -> None:
    tiers.call(contract.USE_BENEFIT, use(member_id, "u-1", "EVENT"))
    late = use(member_id, "u-2", "EVENT")
    assert tiers.refusal(contract.USE_BENEFIT, late) == "benefit_exhausted"
    tiers.hear(sold(member_id, "s-2", 10_000, START + timedelta(days=200)))
    tiers.pass_time(START + timedelta(days=367))
    assert tiers.tier(member_id)["review_on"] == "2028-03-01"
    tiers.call(contract.USE_BENEFIT, late)


@pytest.mark.rule("T6")
@pytest.mark.parametrize("code", ["GIFT", "UP", "LOUNGE"])
def test_what_the_tier_does_not_give_cannot_be_used(
    tiers: Tiers, member_id: UUID, code: str
) -> None:
    refused = tiers.refusal(contract.USE_BENEFIT, use(member_id, "u-1", code))
    assert refused == "benefit_not_available"


@pytest.mark.rule("T6")
def test_frozen_member_has_no_benefits(tiers: Tiers, member_id: UUID) -> None:
    tiers.hear(updated(member_id, "frozen", 9))
    assert tiers.call(contract.MEMBER_BENEFITS, {"member_id": str(member_id)})["items"] == []
    assert tiers.refusal(contract.USE_BENEFIT, use(member_id, "u")) == "benefit_not_available"


@pytest.mark.rule("T6")
def test_cancelled_order_gives_its_uses_back_and_takes_no_new_ones(
    tiers: Tiers, member_id: UUID
) -> None:
    sale = sold(member_id, "o-1", 100, tiers.clock.now())
    tiers.hear(sale)
    tiers.call(contract.USE_BENEFIT, use(member_id, "u-1"))
    tiers.call(contract.USE_BENEFIT, use(member_id, "u-2", order="o-2"))
    cancel = cancelled(sale, tiers.clock.now())
    tiers.hear(cancel)
    tiers.hear(cancel)
    assert left(tiers, member_id) == 4
    assert [each["use_id"] for each in tiers.told("benefit.reversed")] == ["u-1"]
    again = tiers.call(contract.USE_BENEFIT, use(member_id, "u-1"))
    assert again["status"] == "reversed"
    late = tiers.refusal(contract.USE_BENEFIT, use(member_id, "u-3"))
    assert late == "benefit_order_cancelled"


@pytest.mark.rule("T6")
def test_checkout_that_ended_without_a_sale_gives_back_what_was_used_before(
    tiers: Tiers, member_id: UUID
) -> None:
    tiers.call(contract.USE_BENEFIT, use(member_id, "u-1"))
    ended = closed("o-1", tiers.clock.now())
    tiers.clock.advance(seconds=1)
    tiers.call(contract.USE_BENEFIT, use(member_id, "u-2"))  # the order was opened again
    tiers.hear(ended)
    assert [each["use_id"] for each in tiers.told("benefit.reversed")] == ["u-1"]
    assert left(tiers, member_id) == 4


@pytest.mark.rule("T6")
def test_use_taken_back_counts_no_more(tiers: Tiers, member_id: UUID) -> None:
    tiers.call(contract.USE_BENEFIT, use(member_id, "u-1"))
    named = {"member_id": str(member_id), "code": "SHIPPING", "use_id": "u-1"}
    for _ in range(2):
        body = tiers.call(contract.REVERSE_USE, named)
        assert (body["status"], body["quota"]["remaining"]) == ("reversed", 5)
    assert len(tiers.told("benefit.reversed")) == 1
    stranger = {**named, "member_id": str(new_id())}
    assert tiers.refusal(contract.REVERSE_USE, stranger) == "not_found"


@pytest.mark.rule("T6")
def test_upgrade_coupon_comes_with_the_tier_once_a_year(tiers: Tiers, member_id: UUID) -> None:
    given = tiers.told("benefit.granted")
    assert [(each["kind"], each["campaign_id"]) for each in given] == [("upgrade_coupon", CAMPAIGN)]
    assert given[0]["member_id"] == str(member_id)
    assert (given[0]["tier"], given[0]["points"]) == ("GOLD", None)


@pytest.mark.rule("T6")
def test_birthday_gift_comes_in_the_month_of_the_birthday_once_a_year(
    tiers: Tiers, member_id: UUID
) -> None:
    def gifts() -> int:
        return sum(each["kind"] == "birthday_gift" for each in tiers.told("benefit.granted"))

    seen = []
    for month, hour in ((4, 12), (5, 12), (5, 13), (6, 12)):
        tiers.pass_time(START.replace(month=month, hour=hour))
        seen.append(gifts())
    assert seen == [0, 1, 1, 1]
    zone = tiers.service._zone
    assert tiers.service.db.run(use_cases.give_birthday_gifts, time_zone=zone) == 0
