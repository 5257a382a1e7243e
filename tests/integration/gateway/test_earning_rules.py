"""Earning rules and activities over HTTP, with all services behind the gateway."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from services.points.use_cases import period_simulation
from shared.clock import rfc3339
from shared.contracts.platform import SERVICES
from shared.jobs.kinds import steps_of
from shared.jobs.runner import run_one
from tests.support.platform import Person, Platform
from tests.support.postgres import ServiceDatabase

PHONE, OTHER = "13800138000", "13800138001"
TWICE = {"name": "Twice", "kind": "multiplier", "value": "2"}
CHECK_IN = {"name": "Hello", "kind": "activity", "activity": "check_in", "points": 5}


@pytest.fixture
def platform(service_database: Callable[[str], ServiceDatabase]) -> Platform:
    made = Platform({name: service_database(name) for name in SERVICES})
    till = made.terminal()
    for phone in (PHONE, OTHER):
        till.post("/v1/members", {"phone": phone, "channel": "store", "birthday": "1990-05-01"})
    made.settle()
    return made


def publish(person: Person, draft: dict[str, Any]) -> str:
    made = person.post("/v1/earning-rules", draft)
    path = f"/v1/earning-rules/{made['rule_id']}"
    person.post(f"{path}/publish", status=200)
    return path


def sale(platform: Platform, **more: Any) -> dict[str, Any]:
    return {
        "sale_id": "s1",
        "occurred_at": rfc3339(platform.now()),
        "currency": "CNY",
        "member": {"type": "phone", "value": PHONE},
        "lines": [{"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 1_000}],
    } | more


@pytest.mark.rule("E2")
def test_rule_is_written_published_used_and_retired(platform: Platform) -> None:
    marketing, till = platform.staff("marketing"), platform.terminal("t-2")
    path = publish(marketing, TWICE)
    assert till.post("/v1/sales", sale(platform))["points"]["earned"] == 20
    status, changed, _ = marketing.request("PATCH", path, {"value": "3"})
    assert (status, changed["version"], changed["has_changes"]) == (200, 1, True)
    assert [r["name"] for r in marketing.get("/v1/earning-rules?kind=multiplier")["items"]] == [
        "Twice"
    ]
    assert marketing.post(f"{path}/retire", status=200)["status"] == "retired"
    assert marketing.get(path)["versions"][0]["terms"]["value"] == "2"
    refused = marketing.post(f"{path}/publish", status=409)
    assert refused["code"] == "rule_state_conflict"


def test_only_marketing_writes_rules(platform: Platform) -> None:
    support = platform.staff("support")
    support.post("/v1/earning-rules", TWICE, status=403)
    assert support.get("/v1/earning-rules")["items"] == []
    platform.terminal("t-2").post("/v1/earning-rules", TWICE, status=403)


@pytest.mark.rule("E4")
def test_simulation_needs_no_key_and_writes_nothing(platform: Platform) -> None:
    marketing = platform.staff("marketing")
    path = "/v1/earning-rules/simulate"
    tried = {"sale": sale(platform), "rules": [TWICE]}
    response = marketing.client.post(
        path, json=tried, headers={"Authorization": f"Bearer {marketing.token}"}
    )
    assert response.status_code == 200
    assert response.json["points"]["earned"] == 20  # type: ignore[index]
    later = rfc3339(platform.now() + timedelta(days=99))
    born = {**TWICE, "scope": {"birthday_month": True}}
    answer = marketing.post(path, {**tried, "rules": [born], "at": "2026-05-31T15:59:59Z"},
                            status=200)  # fmt: skip
    assert answer["points"]["earned"] == 20
    assert marketing.post(path, {**tried, "at": later}, status=200)["at"] == later
    platform.staff("support").post(path, tried, status=403)


@pytest.mark.rule("E4", "A9")
def test_past_period_is_simulated_part_by_part(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(period_simulation, "A_SLICE", 1)
    marketing, till = platform.staff("marketing"), platform.terminal("t-2")
    for phone in (PHONE, OTHER):
        member = {"type": "phone", "value": phone}
        till.post("/v1/sales", sale(platform, sale_id=phone, member=member))
    until = platform.now() + timedelta(seconds=1)
    asked = {
        "from": rfc3339(until - timedelta(days=30)),
        "until": rfc3339(until),
        "rules": [TWICE],
    }
    path = "/v1/earning-rules/simulate-period"
    platform.staff("support").post(path, asked, status=403)
    job = f"/v1/jobs/{marketing.post(path, asked, status=202)['job_id']}"
    service, seen = platform.services["points"], []
    while run_one(service.db, steps_of(service)):
        shown = marketing.get(job)
        seen.append((shown["status"], shown["done"], shown["total"]))
    assert seen[0] == ("running", 1, 2)
    assert seen[-1] == ("succeeded", 2, 2)
    assert shown["result"]["points"] == {"did": 20, "would": 40, "difference": 20}


@pytest.mark.rule("E2")
def test_member_reports_its_own_check_in_only(platform: Platform) -> None:
    publish(platform.staff("marketing"), CHECK_IN)
    member, path = platform.shopper(PHONE), "/v1/points/activities"
    here = {"activity_id": "a1", "activity": "check_in", "occurred_at": rfc3339(platform.now())}
    body = member.post(path, here)
    assert (body["points"]["earned"], body["streak"]) == (5, 1)
    assert member.post(path, here, status=200) == body
    own = {**here, "activity_id": "a2", "member": {"type": "phone", "value": PHONE}}
    assert member.post(path, own)["counted"] is False
    member.post(path, {**own, "member": {"type": "phone", "value": OTHER}}, status=404)
    member.post(path, {**own, "member": {"type": "phone", "value": "13800138009"}}, status=404)
    member.post(path, {**here, "activity": "review"}, status=403)


def test_shops_and_tills_report_whatever_members_do(platform: Platform) -> None:
    path = "/v1/points/activities"
    done = {"activity": "review", "occurred_at": rfc3339(platform.now())}
    who = {"member": {"type": "phone", "value": OTHER}}
    for number, person in enumerate((platform.shop(), platform.terminal("t-2"))):
        report = {**done, "activity_id": f"a{number}"}
        assert person.post(path, {**report, **who})["counted"]
        assert person.post(path, report, status=422)["errors"][0]["field"] == "member"
        nobody = {"member": {"type": "phone", "value": "13800138009"}}
        unknown = person.post(path, {**report, **nobody, "activity_id": "x"}, status=422)
        assert unknown["code"] == "unknown_member"
    platform.staff("support").post(path, {**done, **who, "activity_id": "b"}, status=403)


def test_rotating_code_names_who_did_it_and_is_not_spent(platform: Platform) -> None:
    member, till = platform.shopper(PHONE), platform.terminal("t-2")
    shown = {"type": "code", "value": member.get("/v1/members/me/code")["barcode"]}
    done = {"activity": "event", "occurred_at": rfc3339(platform.now()), "member": shown}
    first = till.post("/v1/points/activities", {**done, "activity_id": "a1"})
    assert first["member_id"] == member.get("/v1/members/me")["member_id"]
    assert till.post("/v1/points/activities", {**done, "activity_id": "a2"})["counted"]
    wrong = {**done, "activity_id": "a3", "member": {**shown, "value": "0" * 20}}
    refused = till.post("/v1/points/activities", wrong, status=422)
    assert refused["code"] == "code_invalid"
