"""Jobs over HTTP (A9)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import jwt
import pytest

from services.points.service import PointsService
from shared.calls import Actor, CallContext
from shared.contracts.jobs import new_job_id
from shared.jobs import job
from tests.support.jobs import COUNT, begin, count_slice
from tests.support.platform import Person, Platform

PHONE = "+8613800138000"


@pytest.fixture
def li(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Somebody of marketing, on a platform whose points can count."""

    @job(COUNT)
    def count_up(_service: object, *arguments: Any) -> Any:
        return count_slice(*arguments)

    monkeypatch.setattr(PointsService, "count_up", count_up, raising=False)
    return platform.staff("marketing")


def started(platform: Platform, person: Person, *, upto: int = 25) -> str:
    """Start a job in somebody's name."""
    claims = jwt.decode(person.token, options={"verify_signature": False})
    actor = Actor(claims["role"], claims["sub"])
    return str(begin(platform.services["points"].db, CallContext("r-1", actor), upto=upto))


@pytest.mark.rule("A9")
def test_job_is_followed_to_its_end_and_its_file_downloaded(platform: Platform, li: Person) -> None:
    job_id = started(platform, li)
    path = f"/v1/jobs/{job_id}"
    waiting = li.get(path)
    assert (waiting["status"], waiting["service"], waiting["total"]) == ("queued", "points", 25)
    assert li.get(f"{path}/result", status=409)["code"] == "job_not_finished"
    assert platform.run_jobs() == 3
    ended = li.get(path)
    assert (ended["status"], ended["done"], ended["error"]) == ("succeeded", 25, None)
    file = li.client.get(ended["result_url"], headers={"Authorization": f"Bearer {li.token}"})
    assert file.data == b"".join(b"%d\n" % number for number in range(1, 26))
    assert file.headers["Content-Length"] == str(len(file.data))
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert file.headers["Content-Disposition"].endswith(f'filename="count_up-{job_id}.csv"')


@pytest.mark.rule("A8", "A9")
def test_due_jobs_have_been_done_when_the_clock_was_moved(platform: Platform, li: Person) -> None:
    job_id = started(platform, li)
    platform.advance_clock(minutes=5)
    assert li.get(f"/v1/jobs/{job_id}")["status"] == "succeeded"


@pytest.mark.rule("A9")
def test_job_is_cancelled_by_its_creator_or_a_manager_alone(platform: Platform, li: Person) -> None:
    own, other = started(platform, li), started(platform, li)
    han = platform.staff("support")
    path = f"/v1/jobs/{own}/cancel"
    assert han.request("POST", path)[1]["code"] == "job_not_yours"
    assert li.post(path, status=200)["status"] == "cancelled"
    boss = platform.staff("manager")
    assert boss.post(f"/v1/jobs/{other}/cancel", status=200)["status"] == "cancelled"
    platform.run_jobs()
    assert li.get(f"/v1/jobs/{own}")["done"] == 0


@pytest.mark.rule("A9")
def test_member_sees_its_own_jobs_and_no_others(platform: Platform, li: Person) -> None:
    platform.terminal().post("/v1/members", {"phone": PHONE, "channel": "store"})
    shopper = platform.shopper(PHONE)
    own, other = started(platform, shopper), started(platform, li)
    assert [item["job_id"] for item in shopper.get("/v1/jobs")["items"]] == [own]
    assert len(li.get("/v1/jobs")["items"]) == 2
    for method, path in (("GET", ""), ("GET", "/result"), ("POST", "/cancel")):
        assert shopper.request(method, f"/v1/jobs/{other}{path}")[0] == 404
    assert li.get(f"/v1/jobs/{own}/result", status=404)["code"] == "not_found"


@pytest.mark.rule("A4")
def test_jobs_of_all_services_make_one_list_newest_first(platform: Platform, li: Person) -> None:
    actor = CallContext("r-1", Actor("staff", "x"))
    made = []
    for number in range(5):
        service = ("points", "coupons")[number % 2]
        kind = replace(COUNT, service=service)
        made.append(str(begin(platform.services[service].db, actor, kind=kind)))
    seen: list[str] = []
    page: dict[str, Any] = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        page = li.get(f"/v1/jobs?limit=2{cursor}")
        seen += [item["job_id"] for item in page["items"]]
    assert seen == sorted(made, reverse=True)
    assert len(li.get("/v1/jobs?service=coupons")["items"]) == 2
    assert li.get("/v1/jobs?status=failed")["items"] == []


@pytest.mark.rule("A9")
def test_unknown_job_is_not_found_whatever_service_its_id_names(
    platform: Platform, li: Person
) -> None:
    for job_id in (uuid4(), new_job_id("tiers")):
        assert li.get(f"/v1/jobs/{job_id}", status=404)["code"] == "not_found"
