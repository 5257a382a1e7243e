"""Codes made by the million: none twice, none missing, none beyond the total (C8, C9)."""

from __future__ import annotations

from typing import Any

import pytest

from services.coupons import codes
from services.coupons.repository import pools
from services.coupons.use_cases import pooling
from shared.contracts.coupons import rpc
from shared.jobs.kinds import steps_of
from shared.jobs.runner import run_one
from tests.integration.coupons.harness import Coupons, Refused, rejected

Body = dict[str, Any]


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "_SLICE", 20)
    monkeypatch.setattr(pooling, "_AT_ONCE", 8)
    monkeypatch.setattr(pooling, "EXPORTED_AT_ONCE", 20)


def start(coupons: Coupons, campaign_id: str, count: int) -> None:
    coupons.call(rpc.START_CODES, {"campaign_id": campaign_id, "count": count})


def work(coupons: Coupons, slices: int | None = None) -> None:
    """Do so many slices, or all."""
    left = -1 if slices is None else slices
    while left and run_one(coupons.service.db, steps_of(coupons.service)):
        left -= 1


def job(coupons: Coupons) -> Any:
    (row,) = coupons.database.query("SELECT status, done, total, result, error FROM jobs")
    return row


def made(coupons: Coupons) -> int:
    found: int = coupons.database.query("SELECT count(*) FROM coupons")[0][0]
    return found


def page(coupons: Coupons, campaign_id: str, after: int) -> Body:
    return coupons.call(rpc.EXPORT_CODES, {"campaign_id": campaign_id, "after": after})


def export(coupons: Coupons, campaign_id: str) -> list[Body]:
    items, after = [], 0
    while True:
        found = page(coupons, campaign_id, after)
        items += found["items"]
        if found["next"] is None:
            return items
        after = found["next"]


@pytest.mark.rule("C9")
def test_job_makes_as_many_different_codes_as_were_asked_for(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(code={"pattern": "TEA-*"}, validity={"days_after_issue": 5})
    start(coupons, campaign_id, 50)
    work(coupons)
    done = job(coupons)
    assert (done.status, done.done, done.total) == ("succeeded", 50, 50)
    assert done.result == {"campaign_id": campaign_id, "codes": 50}
    items = export(coupons, campaign_id)
    assert len({item["code"] for item in items}) == made(coupons) == 50
    assert {item["valid_until"] for item in items} == {"2026-03-15T16:00:00Z"}
    assert all(codes.is_well_formed(item["code"].removeprefix("TEA-")) for item in items)


@pytest.mark.rule("C9")
def test_slice_that_dies_is_done_again_and_nothing_twice(
    coupons: Coupons, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = coupons.campaign(limits={"total": 60})
    start(coupons, campaign_id, 60)
    work(coupons, 1)
    whole = pools.add
    calls = []

    def die_half_way(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*args)

    monkeypatch.setattr(pools, "add", die_half_way)
    with pytest.raises(KeyboardInterrupt):
        work(coupons, 1)
    assert made(coupons) == 20
    coupons.database.query("UPDATE jobs SET due_at = clock_timestamp()")  # the lease is over
    work(coupons)
    assert (job(coupons).status, made(coupons)) == ("succeeded", 60)
    assert coupons.usage(campaign_id)["issued", ""] == 60
    numbers = coupons.database.query("SELECT code_no FROM coupons ORDER BY code_no")
    assert [row.code_no for row in numbers] == list(range(1, 61))


@pytest.mark.rule("C8")
def test_code_that_there_is_already_is_replaced(
    coupons: Coupons, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["AAAA-AAAA-AAAA"] * 3 + ["CCCC-CCCC-CCCC"] * 2)
    fresh = codes.new_codes

    def draw(count: int, pattern: str | None = None) -> list[str]:
        return [next(drawn, None) or fresh(1, pattern)[0] for _ in range(count)]

    monkeypatch.setattr(codes, "new_codes", draw)
    campaign_id = coupons.campaign()
    start(coupons, campaign_id, 10)
    work(coupons)
    assert len({item["code"] for item in export(coupons, campaign_id)}) == 10


@pytest.mark.rule("C8")
def test_codes_are_exported_in_full_once(coupons: Coupons) -> None:
    campaign_id = coupons.campaign()
    start(coupons, campaign_id, 50)
    work(coupons)
    first = page(coupons, campaign_id, 0)
    second = page(coupons, campaign_id, first["next"])
    assert not any("*" in item["code"] for item in (*first["items"], *second["items"]))
    # The second page never arrived: nobody asked for what follows it.
    again = export(coupons, campaign_id)
    assert ["*" in item["code"] for item in again] == [True] * 20 + [False] * 30
    assert again[20:40] == second["items"]
    assert all("*" in item["code"] for item in export(coupons, campaign_id))
    assert export(coupons, coupons.campaign()) == []


@pytest.mark.rule("C1")
def test_whoever_brings_a_code_of_the_pool_may_use_it_once(coupons: Coupons) -> None:
    campaign_id = coupons.campaign()
    start(coupons, campaign_id, 2)
    work(coupons)
    code = export(coupons, campaign_id)[0]["code"]
    assert coupons.buy("o1", [code])["discount_minor"] == 500
    assert rejected(coupons.reserve("o2", [code], coupons.member())) == {code: "used"}
    assert export(coupons, campaign_id)[0]["status"] == "redeemed"


@pytest.mark.rule("C6", "C9")
def test_total_bounds_the_pool_whoever_takes_of_it_meanwhile(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(limits={"total": 30})
    with pytest.raises(Refused, match="budget_exhausted"):
        start(coupons, campaign_id, 31)
    start(coupons, campaign_id, 30)
    work(coupons, 1)
    coupons.claim(campaign_id, coupons.member())
    work(coupons)
    failed = job(coupons)
    assert (failed.status, failed.done, failed.error["code"]) == ("failed", 20, "budget_exhausted")
    assert made(coupons) == 21


def test_campaign_that_ends_stops_its_job(coupons: Coupons) -> None:
    campaign_id = coupons.campaign()
    start(coupons, campaign_id, 30)
    work(coupons, 1)
    coupons.call(rpc.ARCHIVE_CAMPAIGN, {"campaign_id": campaign_id})
    work(coupons)
    assert job(coupons).error["code"] == "campaign_state_conflict"


def test_codes_are_made_of_published_campaigns_with_unique_codes_only(coupons: Coupons) -> None:
    for campaign_id, code in (
        (coupons.campaign(publish=False), "campaign_state_conflict"),
        (coupons.public(), "not_claimable"),
    ):
        with pytest.raises(Refused, match=code):
            start(coupons, campaign_id, 1)
    for count in (0, 10_000_001, "5"):
        with pytest.raises(Refused, match="validation_failed"):
            start(coupons, coupons.campaign(), count)  # type: ignore[arg-type]


@pytest.mark.rule("I4")
def test_making_and_exporting_codes_is_audited(coupons: Coupons) -> None:
    campaign_id = coupons.campaign()
    start(coupons, campaign_id, 30)
    work(coupons)
    export(coupons, campaign_id)
    rows = coupons.database.query(
        "SELECT action FROM audit WHERE action LIKE '%_codes' ORDER BY sequence"
    )
    assert [row.action for row in rows] == ["campaign.generate_codes", "campaign.export_codes"]
