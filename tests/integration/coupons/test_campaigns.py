from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from services.coupons.tables import METADATA
from shared.contracts.coupons import rpc
from shared.ids import new_id
from tests.integration.coupons.harness import Coupons, Refused, together

FULL = {
    "name": "Spring, 10 %",
    "kind": "percent_off",
    "value": 10,
    "max_discount_minor": 2_000,
    "min_spend_minor": 5_000,
    "scope": {"skus": ["a", "b"], "tiers": ["GOLD"], "stores": ["S001"], "channels": ["store"]},
    "exclude": {"brands": ["x"], "categories": ["y"]},
    "validity": {"from": "2026-03-01T00:00:00Z", "until": "2026-04-01T00:00:00Z"},
    "limits": {"total": 10, "per_member": 2, "per_member_per_day": 1, "per_store": 5},
    "budget_minor": 100_000,
    "stacking": {"category": "spring", "exclusive": True, "joint_with": ["ship"]},
    "code": {"type": "unique", "value": None, "pattern": None},
    "restore_on_partial_return": True,
    "terms": "Tea only.",
    "priority": 7,
}


def refused(coupons: Coupons, method: Any, payload: dict[str, Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        coupons.call(method, payload)
    return caught.value


def test_campaign_comes_back_as_it_was_written(coupons: Coupons) -> None:
    made = coupons.call(rpc.CREATE_CAMPAIGN, FULL)
    found = coupons.call(rpc.CAMPAIGN, {"campaign_id": made["campaign_id"]})
    assert found == made
    assert {name: found[name] for name in FULL} == FULL
    assert (found["status"], found["published_at"]) == ("draft", None)
    assert found["created_at"] == "2026-03-10T04:00:00Z"


def test_patch_replaces_what_it_names_and_nothing_else(coupons: Coupons) -> None:
    made = coupons.call(rpc.CREATE_CAMPAIGN, FULL)
    patch = {
        "campaign_id": made["campaign_id"],
        "min_spend_minor": None,
        "limits": {"total": 3},
        "validity": {"days_after_issue": 30},
        "code": {"type": "unique"},
    }
    expected = {**made, **patch, "code": {"type": "unique", "value": None, "pattern": None}}
    assert coupons.call(rpc.AMEND_CAMPAIGN, patch) == expected
    assert coupons.call(rpc.CAMPAIGN, {"campaign_id": made["campaign_id"]}) == expected


def test_contradictory_patch_is_refused_by_field(coupons: Coupons) -> None:
    made = coupons.call(rpc.CREATE_CAMPAIGN, FULL)
    wrong = {"campaign_id": made["campaign_id"], "value": 101}
    error = refused(coupons, rpc.AMEND_CAMPAIGN, wrong).error
    assert error["code"] == "validation_failed"
    assert [each["field"] for each in error["errors"]] == ["value"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "gift", "gift_sku": "x"},
        {"gift_sku": "x"},
        {"value": 0},
        {"value": "500"},
        {"kind": "percent_off", "value": 101},
        {"validity": {"from": "2026-04-01T00:00:00Z", "until": "2026-03-01T00:00:00Z"}},
        {"validity": {"never_expires": False}},
        {"scope": {"colours": ["red"]}},
        {"surprise": True},
    ],
)
def test_impossible_draft_is_refused(coupons: Coupons, wrong: dict[str, Any]) -> None:
    draft = {"name": "x", "kind": "amount_off", "value": 5, **wrong}
    assert refused(coupons, rpc.CREATE_CAMPAIGN, draft).code == "validation_failed"


@pytest.mark.rule("C5")
def test_campaign_without_word_about_expiry_is_not_published(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(publish=False, validity=None)
    error = refused(coupons, rpc.PUBLISH_CAMPAIGN, {"campaign_id": campaign_id}).error
    assert (error["code"], error["status"]) == ("campaign_not_publishable", 422)
    assert [(each["field"], each["code"]) for each in error["errors"]] == [("validity", "required")]


@pytest.mark.rule("C5")
def test_database_itself_refuses_a_running_campaign_without_expiry(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(publish=False, validity=None)
    with pytest.raises(Exception, match="ck_campaigns_expiry_explicit"):
        coupons.database.query(
            "UPDATE campaigns SET status = 'published' WHERE campaign_id = CAST(:id AS uuid)",
            id=campaign_id,
        )


LIFE = {
    "publish": rpc.PUBLISH_CAMPAIGN,
    "pause": rpc.PAUSE_CAMPAIGN,
    "resume": rpc.RESUME_CAMPAIGN,
    "archive": rpc.ARCHIVE_CAMPAIGN,
}


@pytest.mark.parametrize(
    ("path", "status", "refused_next"),
    [
        ((), "draft", ("pause", "resume")),
        (("publish",), "published", ("publish", "resume")),
        (("publish", "pause"), "paused", ("publish", "pause")),
        (("publish", "pause", "resume"), "published", ("publish", "resume")),
        (("archive",), "archived", ("publish", "pause", "resume", "archive")),
        (("publish", "archive"), "archived", ("publish", "pause", "resume", "archive")),
        (("publish", "pause", "archive"), "archived", ("publish", "pause", "resume", "archive")),
    ],
)
def test_campaign_moves_only_along_its_life(
    coupons: Coupons, path: tuple[str, ...], status: str, refused_next: tuple[str, ...]
) -> None:
    ref = {"campaign_id": coupons.campaign(publish=False)}
    for act in path:
        coupons.call(LIFE[act], ref)
    assert coupons.call(rpc.CAMPAIGN, ref)["status"] == status
    for act in refused_next:
        assert refused(coupons, LIFE[act], ref).code == "campaign_state_conflict"
    history = coupons.database.query("SELECT cause FROM history ORDER BY id")
    assert [row.cause for row in history] == ["create", *path]


def test_published_campaign_is_not_changed(coupons: Coupons) -> None:
    campaign_id = coupons.campaign()
    patch = {"campaign_id": campaign_id, "value": 600}
    assert refused(coupons, rpc.AMEND_CAMPAIGN, patch).code == "campaign_state_conflict"


@pytest.mark.parametrize("method", [rpc.CAMPAIGN, rpc.AMEND_CAMPAIGN, *LIFE.values()])
def test_unknown_campaign_is_not_found(coupons: Coupons, method: Any) -> None:
    assert refused(coupons, method, {"campaign_id": str(new_id())}).code == "not_found"


def test_public_code_is_unique_among_running_campaigns_whatever_its_case(coupons: Coupons) -> None:
    first = coupons.public("Spring-10")
    second = coupons.campaign(publish=False, code={"type": "public", "value": "SPRING10"})
    assert refused(coupons, rpc.PUBLISH_CAMPAIGN, {"campaign_id": second}).code == "code_taken"
    coupons.call(rpc.PAUSE_CAMPAIGN, {"campaign_id": first})
    assert refused(coupons, rpc.PUBLISH_CAMPAIGN, {"campaign_id": second}).code == "code_taken"
    coupons.call(rpc.ARCHIVE_CAMPAIGN, {"campaign_id": first})
    published = coupons.call(rpc.PUBLISH_CAMPAIGN, {"campaign_id": second})
    assert published["code"] == {
        "type": "public",
        "value": "SPRING10",
        "pattern": None,
    }


def test_one_of_many_campaigns_with_a_code_is_published_at_once(coupons: Coupons) -> None:
    drafts = [
        coupons.campaign(publish=False, code={"type": "public", "value": "SAME"}) for _ in range(8)
    ]
    acts = [partial(coupons.call, rpc.PUBLISH_CAMPAIGN, {"campaign_id": draft}) for draft in drafts]
    results = together(acts)
    assert sorted(str(each) for each in results if isinstance(each, str)) == ["code_taken"] * 7


def test_list_pages_newest_first_and_filters_by_status(coupons: Coupons) -> None:
    made = [coupons.campaign(publish=number % 2 == 0) for number in range(5)]
    seen, after = [], None
    while True:
        page = coupons.call(rpc.CAMPAIGNS, {"limit": 2, "after": after})
        seen += [item["campaign_id"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == made[::-1]
    drafts = coupons.call(rpc.CAMPAIGNS, {"status": "draft"})["items"]
    assert [item["campaign_id"] for item in drafts] == [made[3], made[1]]


def test_tables_in_code_are_those_of_the_migration(coupons: Coupons) -> None:
    rows = coupons.database.query(
        "SELECT table_name, column_name, is_nullable FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name <> 'alembic_version'"
    )
    migrated = {(row.table_name, row.column_name): row.is_nullable == "YES" for row in rows}
    declared = {
        (table.name, column.name): bool(column.nullable)
        for table in METADATA.tables.values()
        for column in table.columns
    }
    assert declared == migrated


@pytest.mark.rule("C1")
@pytest.mark.parametrize("change", ["UPDATE history SET cause = 'x'", "DELETE FROM history"])
def test_history_cannot_be_changed(coupons: Coupons, change: str) -> None:
    coupons.campaign()
    with coupons.database.engine.connect() as connection:
        with pytest.raises(Exception, match="permission denied"):
            connection.exec_driver_sql(change)
    with pytest.raises(Exception, match="append-only"):
        coupons.database.query(change)
