"""What goes with a member that is merged, beside its points (M3)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.clock import rfc3339
from tests.integration.gateway.test_merges import SOURCE, SURVIVOR, Pair, pair
from tests.support.platform import Person

__all__ = ["pair"]

CAMPAIGN = {
    "name": "Welcome",
    "kind": "amount_off",
    "value": 500,
    "validity": {"days_after_issue": 30},
    "limits": {"per_member": 1},
}


def publish(pair: Pair, **more: Any) -> str:
    """Publish a campaign; return its id."""
    made = pair.manager.post("/v1/campaigns", CAMPAIGN | more)
    campaign_id = str(made["campaign_id"])
    pair.manager.post(f"/v1/campaigns/{campaign_id}/publish", status=200)
    return campaign_id


def coupons(pair: Pair, member_id: str) -> list[str]:
    """Return the coupons in a member's wallet."""
    found = pair.manager.get(f"/v1/members/{member_id}/coupons")["items"]
    return [str(coupon["coupon_id"]) for coupon in found]


def claim(shopper: Person, campaign_id: str) -> tuple[int, dict[str, Any]]:
    """Ask for a coupon."""
    return shopper.request("POST", f"/v1/campaigns/{campaign_id}/claims", {})[:2]


@pytest.mark.rule("M3", "C6")
def test_coupons_and_what_limits_counted_go_to_the_survivor_and_come_back(pair: Pair) -> None:
    campaign_id = publish(pair)
    source = pair.platform.shopper(SOURCE)
    status, coupon = claim(source, campaign_id)
    assert status == 201
    pair.merge()
    pair.platform.settle()
    assert coupons(pair, pair.survivor) == [coupon["coupon_id"]]
    assert coupons(pair, pair.source) == []
    shopper = pair.platform.shopper(SURVIVOR)
    assert claim(shopper, campaign_id)[1]["code"] == "limit_reached"
    sale = pair.sale(SURVIVOR, 10_000, coupons=[coupon["code"]])
    sold = pair.till.post("/v1/sales", sale)
    assert sold["totals"]["discount_minor"] == 500
    pair.platform.settle()
    pair.unmerge()
    pair.platform.settle()
    assert claim(shopper, campaign_id)[0] == 201
    reason = {"reason_code": "customer_request"}
    pair.till.post(f"/v1/sales/{sale['sale_id']}/cancel", reason, status=200)
    pair.platform.settle()
    assert coupons(pair, pair.source) == [coupon["coupon_id"]]
    assert claim(source, campaign_id)[1]["code"] == "limit_reached"


@pytest.mark.rule("M3")
def test_coupon_that_the_source_got_while_it_was_merged_is_passed_on(pair: Pair) -> None:
    campaign_id = publish(pair)
    _, coupon = claim(pair.platform.shopper(SOURCE), campaign_id)
    pair.merge()
    pair.platform.settle()
    # As a claim leaves it that read the source's standing just before, and commits just after.
    pair.platform.databases["coupons"].query(
        "UPDATE coupons SET member_id = :source, origin_member_id = NULL RETURNING 1",
        source=pair.source,
    )
    pair.platform.services["coupons"].gather_stragglers()
    assert coupons(pair, pair.survivor) == [coupon["coupon_id"]]
    pair.unmerge()
    pair.platform.settle()
    assert coupons(pair, pair.source) == [coupon["coupon_id"]]


@pytest.mark.rule("M3", "T4")
def test_an_override_is_the_survivors_floor_until_the_merge_is_undone(pair: Pair) -> None:
    until = pair.platform.now().replace(year=pair.platform.now().year + 1)
    body = {"tier": "SILVER", "reason": "Came from a partner.", "expires_at": rfc3339(until)}
    pair.manager.post(f"/v1/members/{pair.source}/tier/overrides", body)
    pair.merge()
    pair.platform.settle()
    assert (pair.tier(pair.survivor), pair.tier(pair.source)) == ("SILVER", "BRONZE")
    assert pair.sell(SURVIVOR, 10_000)["points"]["earned"] == 110
    pair.unmerge()
    pair.platform.settle()
    assert (pair.tier(pair.survivor), pair.tier(pair.source)) == ("BRONZE", "SILVER")


@pytest.mark.rule("M3", "L10")
def test_survivor_takes_the_sources_place_in_its_household_and_gives_it_back(pair: Pair) -> None:
    support = pair.platform.staff("support")
    made = support.post("/v1/households", {"name": "Li", "owner_member_id": pair.source})
    path = f"/v1/households/{made['household_id']}"
    pair.merge()
    assert support.get(path)["owner_member_id"] == pair.survivor
    pair.unmerge()
    assert support.get(path)["owner_member_id"] == pair.source
