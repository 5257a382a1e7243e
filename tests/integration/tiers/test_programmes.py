from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.tiers.use_cases import SIMULATE
from shared.contracts.tiers import rpc as contract
from shared.ids import new_id
from shared.jobs.kinds import steps_of
from shared.jobs.runner import run_due
from tests.integration.tiers.harness import START, Tiers, enrolled, sold

DAY = timedelta(days=1)


def level(code: str, rank: int, threshold: int, multiplier: str = "1", **more: Any) -> Any:
    return {
        "code": code,
        "name": code.title(),
        "rank": rank,
        "threshold": threshold,
        "multiplier": multiplier,
        **more,
    }


LEVELS = [
    level("BRONZE", 0, 0),
    level("SILVER", 1, 500, "1.2"),
    level("GOLD", 2, 2_000, "1.5"),
    level("PLATINUM", 3, 30_000, "2"),
]


def draft(**more: Any) -> dict[str, Any]:
    return {
        "name": "Spring",
        "metric": "qualifying_points",
        "window": {"type": "rolling", "months": 12},
        "levels": LEVELS,
        **more,
    }


def made(tiers: Tiers, **more: Any) -> dict[str, int]:
    return {"version": tiers.call(contract.CREATE_PROGRAMME, draft(**more))["version"]}


def member(tiers: Tiers, yuan: int) -> UUID:
    member_id = new_id()
    tiers.hear(enrolled(member_id))
    tiers.hear(sold(member_id, str(member_id), yuan * 100))
    return member_id


@pytest.mark.rule("T5")
def test_draft_can_be_changed_until_it_is_published(tiers: Tiers) -> None:
    ref = made(tiers)
    assert tiers.call(contract.PROGRAMME, {})["version"] == 1
    amended = tiers.call(contract.AMEND_PROGRAMME, {**ref, "name": "May", "grace_days": 10})
    assert (amended["status"], amended["name"], amended["grace_days"]) == ("draft", "May", 10)
    published = tiers.call(contract.PUBLISH_PROGRAMME, ref)
    assert (published["status"], published["in_force"]) == ("published", True)
    assert tiers.call(contract.PROGRAMME, {})["name"] == "May"
    for method in (contract.AMEND_PROGRAMME, contract.PUBLISH_PROGRAMME):
        assert tiers.refusal(method, ref) == "programme_published"
    assert tiers.refusal(contract.PROGRAMME_VERSION, {"version": 99}) == "not_found"
    listed = tiers.call(contract.PROGRAMMES, {"limit": 1})
    assert [each["version"] for each in listed["items"]] == [ref["version"]]
    rest = tiers.call(contract.PROGRAMMES, {"after": listed["next"]})
    assert [(each["version"], each["in_force"]) for each in rest["items"]] == [(1, False)]


@pytest.mark.rule("T5")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"levels": [level("A", 1, 0)]}, "levels.0"),
        ({"levels": [level("A", 0, 10)]}, "levels.0"),
        ({"levels": [level("A", 0, 0), level("B", 1, 5), level("C", 2, 5)]}, "levels.2.threshold"),
        ({"levels": [level("A", 0, 0), level("B", 0, 5)]}, "levels.1.rank"),
        ({"levels": [level("A", 0, 0), level("A", 1, 5)]}, "levels.1.code"),
        ({"levels": [level("A", 0, 0, "0")]}, "levels.0.multiplier"),
        ({"levels": [level("A", 0, 0, "1.2345")]}, "levels.0.multiplier"),
        ({"levels": [level("A", 0, 0, "1e3")]}, "levels.0.multiplier"),
        ({"levels": []}, "levels"),
        ({"window": {"type": "rolling"}}, "window.months"),
        ({"window": {"type": "lifetime", "months": 3}}, "window.months"),
        ({"metric": "visits"}, "metric"),
        ({"grace_days": -1}, "grace_days"),
        (
            {"levels": [level("A", 0, 0, benefits=[{"code": "P", "kind": "member_price"}])]},
            "levels.0.benefits.0.value",
        ),
        (
            {"levels": [level("A", 0, 0, benefits=[{"code": "U", "kind": "upgrade_coupon"}])]},
            "levels.0.benefits.0.campaign_id",
        ),
        (
            {
                "levels": [
                    level("A", 0, 0, benefits=[{"code": "D", "kind": "dedicated_service"}] * 2)
                ]
            },
            "levels.0.benefits.1.code",
        ),
    ],
)
def test_programme_that_contradicts_itself_is_refused(
    tiers: Tiers, change: dict[str, Any], field: str
) -> None:
    error = tiers.error(contract.CREATE_PROGRAMME, draft(**change))
    assert error["code"] == "validation_failed"
    assert field in [each["field"] for each in error["errors"]]
    assert tiers.database.query("SELECT count(*) FROM tier_drafts")[0][0] == 0


@pytest.mark.rule("T5")
def test_versions_follow_one_another_and_never_begin_in_the_past(tiers: Tiers) -> None:
    first, second = made(tiers), made(tiers)
    past = {**first, "effective_from": "2026-02-28T00:00:00Z"}
    assert tiers.refusal(contract.PUBLISH_PROGRAMME, past) == "effective_from_past"
    tiers.call(contract.PUBLISH_PROGRAMME, {**first, "effective_from": "2026-05-01T00:00:00Z"})
    for when in ("2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z"):
        later = {**second, "effective_from": when}
        assert tiers.refusal(contract.PUBLISH_PROGRAMME, later) == "effective_from_taken"


@pytest.mark.rule("T5", "T8")
def test_published_version_rejudges_everybody_on_its_date_and_costs_nobody_a_tier(
    tiers: Tiers,
) -> None:
    rises, stays, short = member(tiers, 600), member(tiers, 100), member(tiers, 20_000)
    ref = made(tiers)
    starts = START + 10 * DAY
    body = {**ref, "effective_from": starts.isoformat()}
    tiers.call(contract.PUBLISH_PROGRAMME, body)
    tiers.pass_time(starts - timedelta(seconds=1))
    assert tiers.tier(rises)["tier"]["code"] == "BRONZE"
    tiers.pass_time(starts)
    assert tiers.tier(rises)["tier"]["code"] == "SILVER"
    assert tiers.tier(rises)["since"] == "2026-03-11T04:00:00Z"
    assert tiers.tier(stays)["tier"]["code"] == "BRONZE"
    last = tiers.history(short)[-1]
    # The same tier with another multiplier is news to points.
    assert (last["reason"], last["from_tier"], last["tier"]) == (
        "programme",
        "PLATINUM",
        "PLATINUM",
    )
    told = [each["multiplier"] for each in tiers.changes() if each["member_id"] == str(short)]
    assert told[-1] == "2"
    assert tiers.tier(short)["progress"]["keep"] == 30_000
    versions = tiers.database.query("SELECT DISTINCT programme_version FROM tier_states")
    assert [row[0] for row in versions] == [ref["version"]]


@pytest.mark.rule("T5")
def test_sale_after_the_date_is_judged_by_the_new_version_before_anybody_was_rejudged(
    tiers: Tiers,
) -> None:
    member_id = member(tiers, 400)
    now = tiers.clock.advance(hours=1)
    tiers.call(contract.PUBLISH_PROGRAMME, made(tiers))
    tiers.hear(sold(member_id, "s-2", 10_000, now))
    assert [row["reason"] for row in tiers.history(member_id)][-1] == "qualified"
    assert tiers.tier(member_id)["tier"]["code"] == "SILVER"


@pytest.mark.rule("T5", "A9")
def test_simulation_counts_and_lists_who_would_move_and_changes_nothing(tiers: Tiers) -> None:
    rises, _stays, short = member(tiers, 600), member(tiers, 100), member(tiers, 20_000)
    ref = made(tiers)
    before = tiers.database.query("SELECT count(*) FROM tier_history")[0][0]
    job_id = tiers.call(contract.SIMULATE_PROGRAMME, ref)["job_id"]
    run_due(tiers.service.db, steps_of(tiers.service), for_s=60)
    job = tiers.database.query("SELECT status, result FROM jobs WHERE job_id = :id", id=job_id)[0]
    assert job.status == "succeeded"
    assert job.result == {
        "version": ref["version"],
        "members": 3,
        "would_move": 2,
        "moves": [
            {"when": "at_once", "from_tier": "BRONZE", "to_tier": "SILVER", "members": 1},
            {"when": "review", "from_tier": "PLATINUM", "to_tier": "GOLD", "members": 1},
        ],
    }
    assert SIMULATE.content_type == "text/csv"
    assert tiers.job_file(job_id).splitlines() == [
        "member_id,from_tier,to_tier,when,have,threshold",
        f"{rises},BRONZE,SILVER,at_once,600,500",
        f"{short},PLATINUM,GOLD,review,20000,30000",
    ]
    assert tiers.database.query("SELECT count(*) FROM tier_history")[0][0] == before
    assert tiers.tier(rises)["tier"]["code"] == "BRONZE"
