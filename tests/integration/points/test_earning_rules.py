"""The life of earning rules: written, published, followed by the next version, retired (E2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg2
import pytest

from shared.calls import Actor
from shared.clock import rfc3339
from shared.contracts.points import rpc
from tests.integration.points.desk import Desk, codes, in_parallel, refusal_of
from tests.integration.points.test_journal import refused_as

STAFF = Actor("staff", "m-1", ("marketing",))
FULL = {
    "name": "Double tea",
    "kind": "multiplier",
    "value": "2.5",
    "scope": {
        "categories": ["tea"],
        "stores": ["s-1"],
        "channels": ["store"],
        "tiers": ["GOLD"],
        "weekdays": ["sat", "sun"],
        "local_time": {"from": "22:00", "until": "02:00"},
        "first_purchase": True,
    },
    "stackable": True,
    "caps": {"per_sale": 10, "per_member_per_month": 100, "total": 1000},
    "valid_from": "2026-04-01T00:00:00Z",
    "valid_until": "2026-05-01T00:00:00Z",
}
BASE = {"name": "Two", "kind": "base", "value": "0.02"}


def write(desk: Desk, **draft: Any) -> dict[str, Any]:
    return desk.call(rpc.CREATE_RULE, draft, actor=STAFF).body


def amend(desk: Desk, rule: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return desk.call(rpc.AMEND_RULE, {"rule_id": rule["rule_id"], **changes}, actor=STAFF).body


def publish(desk: Desk, rule: dict[str, Any], **options: Any) -> dict[str, Any]:
    payload = {"rule_id": rule["rule_id"], **options}
    return desk.call(rpc.PUBLISH_RULE, payload, actor=STAFF).body


def retire(desk: Desk, rule: dict[str, Any]) -> dict[str, Any]:
    return desk.call(rpc.RETIRE_RULE, {"rule_id": rule["rule_id"]}, actor=STAFF).body


def test_rule_comes_back_as_it_was_written(desk: Desk) -> None:
    made = write(desk, **FULL)
    found = desk.call(rpc.RULE, {"rule_id": made["rule_id"]}).body
    assert found == made
    assert {name: found[name] for name in FULL} == FULL
    assert (found["status"], found["version"], found["versions"]) == ("draft", 0, [])
    assert (found["pending_days"], found["lot"], found["points"]) == (0, None, None)


def test_weekdays_are_understood_in_common_forms(desk: Desk) -> None:
    made = write(desk, **FULL | {"scope": {"weekdays": [1, "Tuesday", "WED", "sun"]}})
    assert made["scope"] == {"weekdays": ["mon", "tue", "wed", "sun"]}


@pytest.mark.rule("E2")
def test_each_publication_is_a_version_that_stays(desk: Desk) -> None:
    first = publish(desk, write(desk, **FULL))
    assert (first["status"], first["version"], first["has_changes"]) == ("published", 1, False)
    assert first["effective_from"] == "2026-03-10T04:00:00Z"
    changed = amend(desk, first, value="3", caps={})
    assert (changed["status"], changed["version"], changed["has_changes"]) == (
        "published", 1, True,
    )  # fmt: skip
    second = publish(desk, changed, effective_from="2026-03-20T00:00:00Z")
    newest, oldest = second["versions"]
    assert (newest["version"], newest["terms"]["value"], newest["terms"]["caps"]) == (2, "3", {})
    assert oldest == first["versions"][0]
    assert (oldest["terms"]["value"], oldest["published_by"]) == ("2.5", "staff:m-1")


@pytest.mark.rule("E2")
@pytest.mark.parametrize("act", ["UPDATE", "DELETE", "TRUNCATE"])
def test_database_refuses_to_change_a_published_version(desk: Desk, act: str) -> None:
    publish(desk, write(desk, **BASE))
    statement = {
        "UPDATE": "UPDATE earning_rule_versions SET version = version",
        "DELETE": "DELETE FROM earning_rule_versions",
        "TRUNCATE": "TRUNCATE earning_rule_versions",
    }[act]
    base = desk.database
    assert refused_as(base.url, statement) is psycopg2.errors.InsufficientPrivilege
    assert refused_as(base.owner_url, statement) is psycopg2.errors.RestrictViolation


def test_states_allow_what_they_allow(desk: Desk) -> None:
    rule = publish(desk, write(desk, **BASE))
    assert refusal_of(lambda: publish(desk, rule)).code == "rule_state_conflict"
    retired = retire(desk, rule)
    assert (retired["status"], retired["retired_at"]) == ("retired", "2026-03-10T04:00:00Z")
    for act in (publish, retire, lambda d, r: amend(d, r, value="1")):
        assert refusal_of(lambda: act(desk, rule)).code == "rule_state_conflict"  # noqa: B023
    unknown = {"rule_id": str(uuid4())}
    for act in (publish, retire, lambda d, r: amend(d, r, value="1")):
        assert refusal_of(lambda: act(desk, unknown)).code == "not_found"  # noqa: B023


@pytest.mark.rule("E2")
def test_publishing_names_what_is_wrong(desk: Desk) -> None:
    wrong = {
        "scope": {"weekdays": ["funday"], "local_time": {"from": "09:00", "until": "09:00"}},
        "caps": {"per_sale": 20, "total": 10},
        "valid_until": "2026-03-01T00:00:00Z",
    }
    rule = write(desk, **BASE | wrong)
    refusal = refusal_of(lambda: publish(desk, rule, effective_from="2026-03-09T00:00:00Z"))
    assert (refusal.code, refusal.status) == ("rule_not_valid", 422)
    assert {(error.field, error.code) for error in refusal.errors} == {
        ("scope.weekdays", "unknown_weekday"),
        ("scope.local_time", "impossible_window"),
        ("caps.per_sale", "unreachable_cap"),
        ("valid_until", "impossible_window"),
        ("effective_from", "in_past"),
    }
    assert desk.call(rpc.RULE, {"rule_id": rule["rule_id"]}).body["status"] == "draft"


@pytest.mark.rule("E2")
def test_overlapping_base_rules_are_refused_until_one_is_retired(desk: Desk) -> None:
    first, second = publish(desk, write(desk, **BASE)), write(desk, **BASE)
    refusal = refusal_of(lambda: publish(desk, second))
    assert [(error.field, error.code) for error in refusal.errors] == [
        ("scope", "overlapping_base")
    ]
    assert first["rule_id"] in refusal.errors[0].message
    retire(desk, first)
    assert publish(desk, second)["status"] == "published"


@pytest.mark.rule("E2")
def test_of_overlapping_rules_published_at_once_one_stands(desk: Desk) -> None:
    rules = [write(desk, **BASE) for _ in range(6)]
    answers = in_parallel(6, lambda number: publish(desk, rules[number]))
    assert codes(answers) == ["rule_not_valid"] * 5


def test_rules_are_listed_newest_first(desk: Desk) -> None:
    made = [write(desk, **BASE | {"name": f"r{number}"}) for number in range(3)]
    publish(desk, made[1])
    page = desk.call(rpc.RULES, {"limit": 2}).body
    assert [item["name"] for item in page["items"]] == ["r2", "r1"]
    rest = desk.call(rpc.RULES, {"limit": 2, "after": page["next"]}).body
    assert [item["name"] for item in rest["items"]] == ["r0"]
    assert rest["next"] is None
    drafts = desk.call(rpc.RULES, {"status": "draft", "kind": "base"}).body["items"]
    assert [item["name"] for item in drafts] == ["r2", "r0"]


def test_later_publication_may_be_announced(desk: Desk) -> None:
    later = rfc3339(desk.clock.now() + timedelta(days=3))
    assert publish(desk, write(desk, **BASE), effective_from=later)["effective_from"] == later
