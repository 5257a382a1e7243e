"""Forgetting a member while the world goes on (M6)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from shared.calls import CallContext
from shared.clock import rfc3339
from shared.contracts.points import holds
from shared.errors.points import MemberNotActive
from tests.support import person
from tests.support.person import Known, erase, sale
from tests.support.platform import Person, Platform

PUT_OFF = sa.text("UPDATE jobs SET due_at = now() + interval '1 hour' WHERE job_id = :job_id")


@pytest.fixture
def known(platform: Platform) -> Known:
    """A member with 1,000 points from one sale."""
    till, manager = platform.terminal(), platform.staff("manager")
    who = {"phone": person.PHONE, "channel": "store", "birthday": person.BIRTHDAY}
    member_id = till.post("/v1/members", who)["member_id"]
    platform.settle()
    return Known(member_id, "", platform.shopper(person.PHONE), manager, till, "")


def account(platform: Platform, known: Known) -> tuple[int, ...]:
    """Return available, pending, held and debt."""
    (row,) = platform.databases["points"].query(
        "SELECT available, pending, held, debt FROM accounts WHERE member_id = :id",
        id=known.member_id,
    )
    return tuple(row)


def finish(platform: Platform, known: Known, job_id: str) -> dict[str, Any]:
    return person.finish_job(platform, known.manager, job_id)


@pytest.mark.rule("M6", "L1")
def test_points_are_forfeited_by_journal_and_the_ledger_still_adds_up(
    platform: Platform, known: Known
) -> None:
    known.till.post("/v1/sales", sale(platform, known.member_id))
    hold = {"member_id": known.member_id, "points": 100, "order_id": "order-1"}
    known.till.post("/v1/points/holds", hold)
    job = finish(platform, known, erase(known))
    assert job["result"] == {
        "services": {
            "identity": {"sessions_ended": 1},
            "points": {"points_forfeited": 2000},
            "coupons": {"coupons_voided": 0},
            "tiers": {"requests_rejected": 0},
        }
    }
    assert account(platform, known) == (0, 0, 0, 0)
    last = "SELECT type FROM transactions WHERE member_id = :id ORDER BY number DESC LIMIT 2"
    rows = platform.databases["points"].query(last, id=known.member_id)
    assert [row.type for row in rows] == ["forfeit", "release"]
    assert platform.staff("auditor").post("/v1/points/verify", status=200)["ok"]


@pytest.mark.rule("M6")
def test_erasure_waits_for_a_service_that_is_down_and_says_for_which(
    platform: Platform, known: Known
) -> None:
    job_id = erase(known)
    (event,) = platform.outbox("members", "member.erased")
    for service in ("identity", "coupons", "tiers"):
        platform.deliver(event, only=service)
    platform.mark_published("members")
    job = finish(platform, known, job_id)
    assert (job["status"], job["waiting_for"]) == ("running", ["points"])
    assert (job["done"], job["total"], job["result"]) == (4, 5, None)
    platform.deliver(event, only="points")
    platform.deliver(event, only="points")  # a broker may deliver twice
    job = finish(platform, known, job_id)
    assert (job["status"], job["waiting_for"], job["done"]) == ("succeeded", [], 5)


@pytest.mark.rule("M6")
def test_sale_for_somebody_forgotten_is_refused_wherever_the_news_has_come(
    platform: Platform, known: Known
) -> None:
    late = sale(platform, known.member_id)
    by_phone = {**sale(platform, ""), "member": {"type": "phone", "value": person.PHONE}}
    sold = known.till.post("/v1/sales", sale(platform, known.member_id))
    erase(known)
    # Members knows at once, points only hears of it.
    # Whoever knows the id hears that there was somebody; by a phone nobody is found.
    assert known.till.post("/v1/sales", late, status=422)["code"] == "member_erased"
    assert known.till.post("/v1/sales", by_phone, status=422)["code"] == "unknown_member"
    (event,) = platform.outbox("members", "member.erased")
    platform.deliver(event, only="points")
    hold = {"member_id": known.member_id, "points": 1, "order_id": "order-9", "exists": True}
    with pytest.raises(MemberNotActive):  # whoever looked the member up a moment before
        platform.backend.call(holds.PLACE, hold, CallContext("r-1"))
    # What was bought can still come back, and brings nobody any points or debts.
    back = {
        "return_id": "r-1",
        "occurred_at": rfc3339(platform.now()),
        "lines": [{"line_id": "1", "quantity": 1, "net_minor": 100_000}],
        "reason_code": "customer_return",
    }
    returned = known.till.post(f"/v1/sales/{sold['sale_id']}/returns", back)
    assert returned["points"]["debt"] == 0
    assert account(platform, known) == (0, 0, 0, 0)


@pytest.mark.rule("M6", "L8")
def test_sales_racing_with_the_erasure_leave_no_points_behind(
    platform: Platform, known: Known
) -> None:
    sales = [sale(platform, known.member_id) for _ in range(12)]

    def post(one: dict[str, Any]) -> int:
        till = Person(platform.client, known.till.token)
        return till.request("POST", "/v1/sales", one)[0]

    def forget() -> None:
        erase(known)
        (event,) = platform.outbox("members", "member.erased")
        platform.deliver(event, only="points")

    with ThreadPoolExecutor(4) as pool:
        before = pool.map(post, sales[:8])
        forgotten = pool.submit(forget)
        after = pool.map(post, sales[8:])
        statuses = {*before, *after}
        forgotten.result()
    assert statuses <= {201, 422}
    assert account(platform, known) == (0, 0, 0, 0)


@pytest.mark.rule("M6")
def test_erasing_again_is_the_same_job_and_nobody_calls_it_off(
    platform: Platform, known: Known
) -> None:
    job_id = erase(known)
    assert erase(known) == job_id
    refused = known.manager.post(f"/v1/jobs/{job_id}/cancel", status=409)
    assert refused["code"] == "job_goes_on"
    events = platform.outbox("members", "member.erased")
    assert len(events) == 1
    assert finish(platform, known, job_id)["status"] == "succeeded"
    known.manager.get(f"/v1/members/{known.member_id}", status=404)


@pytest.mark.rule("M6", "I1")
def test_whoever_was_forgotten_is_signed_out_and_can_join_anew(
    platform: Platform, known: Known
) -> None:
    platform.advance_clock(seconds=31)
    client = platform.client
    otp = client.post("/v1/auth/otp", json={"phone": person.PHONE}).get_json()
    grant = {"grant_type": "otp", "phone": person.PHONE, "code": otp["sandbox_code"]}
    refresh = client.post("/v1/auth/token", json=grant).get_json()["refresh_token"]
    finish(platform, known, erase(known))
    grant = {"grant_type": "refresh_token", "refresh_token": refresh}
    assert client.post("/v1/auth/token", json=grant).status_code == 401
    known.shopper.get("/v1/members/me", status=404)
    stranger = platform.shopper(person.PHONE)  # no pause: nothing is known of this phone
    anew = stranger.post("/v1/members", {"phone": person.PHONE, "channel": "app"})
    assert anew["member_id"] != known.member_id


@pytest.mark.rule("M6")
def test_export_under_way_ends_with_the_member(platform: Platform, known: Known) -> None:
    job_id = known.shopper.post("/v1/members/me/export", status=202)["job_id"]
    platform.settle()
    erase(known)
    job = finish(platform, known, job_id)
    assert (job["status"], job["error"]["code"]) == ("failed", "not_found")
    left = platform.databases["members"].query("SELECT count(*) FROM export_parts")
    assert left[0][0] == 0


@pytest.mark.rule("M6")
def test_lists_of_members_are_withdrawn_with_an_erasure(platform: Platform, known: Known) -> None:
    asked = {"purpose": "Yearly letter to members"}
    done, open_one = (
        known.manager.post("/v1/members/export", asked, status=202)["job_id"] for _ in range(2)
    )
    with platform.services["members"].db.engine.begin() as connection:
        connection.execute(PUT_OFF, {"job_id": open_one})
    platform.run_jobs()
    assert known.manager.get(f"/v1/jobs/{done}")["status"] == "succeeded"
    erase(known)
    assert known.manager.get(f"/v1/jobs/{done}")["result_url"] is None
    assert known.manager.request("GET", f"/v1/jobs/{done}/result")[0] == 404
    assert known.manager.get(f"/v1/jobs/{open_one}")["status"] == "cancelled"
    left = platform.databases["members"].query("SELECT count(*) FROM job_chunks")
    assert left[0][0] == 0


@pytest.mark.rule("M3", "M6")
def test_whoever_was_merged_is_exported_and_forgotten_with_the_survivor(
    platform: Platform, known: Known
) -> None:
    second = {"phone": person.OTHER_PHONE, "name": person.NAME, "channel": "store"}
    source = known.till.post("/v1/members", second)["member_id"]
    known.till.post("/v1/sales", sale(platform, source))
    platform.settle()
    merge = {"source_member_id": source, "reason": "The same person."}
    known.manager.post(f"/v1/members/{known.member_id}/merge", merge, status=200)
    platform.settle()
    asked = known.manager.post(f"/v1/members/{known.member_id}/export", status=202)
    person.finish_job(platform, known.manager, asked["job_id"])
    data = person.download(known.manager, asked["job_id"])["data"]
    names = {row["profile"]["name"] for row in data["members"]["members"]}
    assert names == {None, person.NAME}
    assert {row["value"] for row in data["members"]["identifiers"]} >= {person.OTHER_PHONE}
    assert len(data["points"]["accounts"]) == 2
    refused = known.manager.request("DELETE", f"/v1/members/{source}", {"reason": "x"})
    assert (refused[0], refused[1]["code"]) == (409, "member_merged")
    job = finish(platform, known, erase(known))
    assert job["status"] == "succeeded"
    assert job["result"]["services"]["points"] == {"points_forfeited": 2000}
    kept = platform.databases["members"].query("SELECT status, data_key FROM members")
    assert [tuple(row) for row in kept] == [("erased", None)] * 2
    assert person.traces(person.dump(platform), person.OTHER_PHONE) == []


def test_only_a_manager_erases_and_a_member_exports_only_itself(
    platform: Platform, known: Known
) -> None:
    path = f"/v1/members/{known.member_id}"
    for caller in (known.shopper, platform.staff("support"), known.till):
        assert caller.request("DELETE", path, {"reason": "x"})[0] == 403
    other = known.till.post("/v1/members", {"phone": person.OTHER_PHONE, "channel": "store"})
    known.shopper.post(f"/v1/members/{other['member_id']}/export", status=404)
    assert platform.staff("support").request("POST", f"{path}/export", {})[0] == 403
