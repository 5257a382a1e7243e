"""Published terms are replaced by versions, and coupons keep theirs."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import pytest

from shared.contracts.coupons import rpc
from tests.integration.coupons.harness import Coupons, Refused, held, together


def revise(coupons: Coupons, campaign_id: str, **changes: Any) -> dict[str, Any]:
    return coupons.call(rpc.REVISE_CAMPAIGN, {"campaign_id": campaign_id, **changes})


def versions(coupons: Coupons, campaign_id: str, **page: Any) -> dict[str, Any]:
    return coupons.call(rpc.CAMPAIGN_VERSIONS, {"campaign_id": campaign_id, **page})


def test_coupon_keeps_the_terms_it_was_issued_under(coupons: Coupons) -> None:
    member_id, campaign_id, coupon = held(coupons, terms="Once.")
    revised = revise(coupons, campaign_id, value=700, terms="Twice.", name="Summer")
    assert (revised["version"], revised["value"], revised["status"]) == (2, 700, "published")
    assert coupons.wallet(member_id) == [coupon]
    assert coupons.reserve("o1", [coupon["code"]], member_id)["discount_minor"] == 500
    newer = coupons.claim(campaign_id, coupons.member())
    assert (newer["value"], newer["name"], newer["terms"]) == (700, "Summer", "Twice.")


def test_public_code_has_the_present_terms(coupons: Coupons) -> None:
    campaign_id = coupons.public()
    revise(coupons, campaign_id, value=700)
    assert coupons.reserve("o1", ["SPRING"])["discount_minor"] == 700


@pytest.mark.rule("C3", "C6")
def test_counters_go_on_over_versions_and_a_restore_gives_back_what_was_taken(
    coupons: Coupons,
) -> None:
    campaign_id = coupons.public(budget_minor=1_000, limits={"total": 5})
    coupons.buy("o1", ["SPRING"])
    revise(coupons, campaign_id, value=400, budget_minor=900)
    coupons.buy("o2", ["SPRING"])
    assert coupons.usage(campaign_id) == {("budget", ""): 900, ("uses", ""): 2}
    refused = coupons.reserve("o3", ["SPRING"])["rejected"]
    assert [each["reason"] for each in refused] == ["budget_exhausted"]
    coupons.sale_cancelled("o1")
    assert coupons.usage(campaign_id) == {("budget", ""): 400, ("uses", ""): 1}


def test_return_in_part_is_judged_by_the_version_of_the_use(coupons: Coupons) -> None:
    member_id, campaign_id, coupon = held(coupons, restore_on_partial_return=True)
    coupons.buy("o1", [coupon["code"]], member_id)
    revise(coupons, campaign_id, restore_on_partial_return=False)
    coupons.sale_returned("o1", full=False)
    assert coupons.status(member_id) == "restored"


def test_versions_are_listed_newest_first_and_never_changed(coupons: Coupons) -> None:
    campaign_id = coupons.campaign()
    for value in (600, 700, 800):
        coupons.clock.advance(seconds=1)
        revise(coupons, campaign_id, value=value)
    listed = versions(coupons, campaign_id)["items"]
    assert [(each["version"], each["value"]) for each in listed] == [
        (4, 800),
        (3, 700),
        (2, 600),
        (1, 500),
    ]
    for newer, older in itertools.pairwise(listed):
        assert newer["published_at"] == older["superseded_at"]
    assert listed[0]["superseded_at"] is None
    paged, after = [], None
    while True:
        page = versions(coupons, campaign_id, limit=3, after=after)
        paged += page["items"]
        after = page["next"]
        if after is None:
            break
    assert paged == listed
    assert versions(coupons, coupons.campaign(publish=False))["items"] == []
    with pytest.raises(Exception, match="append-only"):
        coupons.database.query("UPDATE campaign_versions SET version = 9")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "percent_off", "value": 5}, "kind"),
        ({"code": {"type": "public", "value": "X12"}}, "code"),
        ({"budget_minor": 100_000}, "budget_minor"),
        ({"value": None}, "value"),
    ],
)
def test_revision_that_changes_what_is_fixed_is_refused_by_field(
    coupons: Coupons, change: dict[str, Any], field: str
) -> None:
    campaign_id = coupons.campaign()
    with pytest.raises(Refused, match="campaign_not_publishable") as caught:
        revise(coupons, campaign_id, **change)
    assert [each["field"] for each in caught.value.error["errors"]] == [field]
    assert coupons.call(rpc.CAMPAIGN, {"campaign_id": campaign_id})["version"] == 1


def test_draft_and_archived_campaigns_are_not_revised(coupons: Coupons) -> None:
    archived = coupons.campaign()
    coupons.call(rpc.ARCHIVE_CAMPAIGN, {"campaign_id": archived})
    for campaign_id in (archived, coupons.campaign(publish=False)):
        with pytest.raises(Refused, match="campaign_state_conflict"):
            revise(coupons, campaign_id, value=1)


def test_revisions_at_once_make_a_version_each(coupons: Coupons) -> None:
    campaign_id = coupons.campaign()
    acts = [partial(revise, coupons, campaign_id, value=600 + n) for n in range(8)]
    results = together(acts, threads=4)
    assert sorted(each["version"] for each in results) == list(range(2, 10))


@pytest.mark.rule("C5")
def test_preview_shows_the_coupon_and_what_is_missing(coupons: Coupons) -> None:
    draft = coupons.campaign(publish=False, validity=None, code={"pattern": "TEA-*"})
    seen = coupons.call(rpc.PREVIEW_CAMPAIGN, {"campaign_id": draft})
    assert seen["conditions"] == ["Its expiry is not decided yet."]
    assert [each["field"] for each in seen["problems"]] == ["validity"]
    assert seen["code"] == "TEA-XXXX-XXXX-XXXX"
    published = coupons.public(validity={"never_expires": True})
    seen = coupons.call(rpc.PREVIEW_CAMPAIGN, {"campaign_id": published})
    assert (seen["headline"], seen["code"], seen["problems"]) == ("5.00 CNY off", "SPRING", [])
    issued = coupons.campaign(validity={"days_after_issue": 3})
    seen = coupons.call(rpc.PREVIEW_CAMPAIGN, {"campaign_id": issued})
    coupon = coupons.claim(issued, coupons.member())
    for name in ("headline", "valid_from", "valid_until", "valid_until_local", "days_left"):
        assert seen[name] == coupon[name]


def test_pattern_begins_the_codes_and_any_spelling_finds_them(coupons: Coupons) -> None:
    member_id, _, coupon = held(coupons, code={"pattern": "tea-*"})
    assert coupon["code"].startswith("TEA-")
    typed = coupon["code"].lower().replace("-", " ")
    assert coupons.reserve("o1", [typed], member_id)["discount_minor"] == 500


def test_gift_is_applied_at_nothing_and_restored_like_any_other(coupons: Coupons) -> None:
    member_id, _, coupon = held(coupons, kind="gift", value=None, gift_sku="MUG-1")
    answer = coupons.buy("o1", [coupon["code"]], member_id)
    (use,) = answer["applied"]
    assert (use["gift_sku"], use["discount_minor"], use["line_discounts"]) == ("MUG-1", 0, [])
    assert coupons.status(member_id) == "redeemed"
    coupons.sale_cancelled("o1")
    assert coupons.status(member_id) == "restored"
