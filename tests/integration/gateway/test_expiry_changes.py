from __future__ import annotations

from datetime import timedelta

import pytest

from shared.clock import rfc3339
from tests.support.platform import Platform

CHANGES = "/v1/points/expiry-changes"


@pytest.mark.rule("L12")
def test_manager_announces_a_change_that_staff_can_read(platform: Platform) -> None:
    manager, support = platform.staff("manager"), platform.staff("support")
    now = platform.now()
    draft = {"months": 24, "round_to": "year_end", "effective_from": rfc3339(now)}
    made = manager.post(CHANGES, draft, key="k-1")
    assert manager.post(CHANGES, draft, key="k-1") == made
    assert made["existing_lots"] == {"extended": 0, "finished_at": None}
    platform.advance_clock(minutes=1)
    read = support.get(f"{CHANGES}/{made['change_id']}")
    assert read["existing_lots"]["finished_at"] is not None
    assert support.get(CHANGES)["items"] == [read]
    later = {**draft, "months": 36, "effective_from": rfc3339(now + timedelta(days=9))}
    following = manager.post(CHANGES, later)
    page = support.get(f"{CHANGES}?limit=1")
    assert [item["change_id"] for item in page["items"]] == [following["change_id"]]
    rest = support.get(f"{CHANGES}?limit=1&cursor={page['next_cursor']}")
    assert (rest["items"], rest["next_cursor"]) == ([read], None)


@pytest.mark.rule("L12")
def test_only_managers_change_how_long_points_last(platform: Platform) -> None:
    draft = {"months": 24, "round_to": "day", "effective_from": rfc3339(platform.now())}
    for role in ("support", "marketing", "auditor", "admin"):
        assert platform.staff(role).post(CHANGES, draft, status=403)["code"] == "forbidden"


@pytest.mark.rule("L12")
def test_bad_change_is_a_clear_problem(platform: Platform) -> None:
    manager = platform.staff("manager")
    soon = rfc3339(platform.now() + timedelta(days=1))
    shorter = {"months": 1, "round_to": "day", "effective_from": soon}
    assert manager.post(CHANGES, shorter, status=422)["code"] == "expiry_force_required"
    wrong = {"months": 5000, "round_to": "week", "effective_from": "soon"}
    errors = manager.post(CHANGES, wrong, status=422)["errors"]
    assert {error["field"] for error in errors} == {"months", "round_to", "effective_from"}
    unknown = "0192f3a0-0000-7000-8000-000000000001"
    assert manager.get(f"{CHANGES}/{unknown}", status=404)["code"] == "not_found"
