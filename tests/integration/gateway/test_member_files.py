"""Members that come in files, and lists of members that leave (A9)."""

from __future__ import annotations

import csv
import io
from typing import Any
from uuid import uuid4

import pytest

from services.members import repository
from services.members.use_cases import importing
from shared.jobs import runner
from tests.support.platform import Person, Platform

HEADER = "phone,name,email,birthday,card_number,points,points_expire_on\n"
FILE = (
    HEADER
    + "13800138000,Li Lei,li@example.com,1990-05-17,CARD-0001,1200,2030-12-31\n"
    + "+8613800138001,Han,,,,0,\n"
    + "13800138002,,,,,50,\n"
)


def upload(person: Person, text: str, *, query: str = "", key: str | None = None) -> str:
    """Send a file; return the job's id."""
    response = person.client.post(
        f"/v1/members/import{query}",
        data=text.encode(),
        content_type="text/csv",
        headers={
            "Authorization": f"Bearer {person.token}",
            "Idempotency-Key": key or str(uuid4()),
        },
    )
    assert response.status_code == 202, response.data
    return str((response.json or {})["job_id"])


def lines(person: Person, job_id: str) -> list[dict[str, str]]:
    """Return the lines of a job's file."""
    headers = {"Authorization": f"Bearer {person.token}"}
    response = person.client.get(f"/v1/jobs/{job_id}/result", headers=headers)
    assert response.status_code == 200, response.data
    return list(csv.DictReader(io.StringIO(response.data.decode())))


def run(platform: Platform, person: Person, text: str, *, query: str = "") -> dict[str, Any]:
    """Import a file to its end; return the job."""
    job_id = upload(person, text, query=query)
    platform.run_jobs()
    platform.settle()
    return person.get(f"/v1/jobs/{job_id}")


def points_of(platform: Platform, phone: str) -> dict[str, Any]:
    """Return the points of whoever has a phone."""
    return platform.shopper(phone).get("/v1/members/me/points")


def test_imported_members_have_their_points_and_the_file_again_changes_nothing(
    platform: Platform,
) -> None:
    manager = platform.staff("manager")
    ended = run(platform, manager, FILE)
    counts = {"created": 3, "unchanged": 0, "rejected": 0, "points": 1250, "dry_run": False}
    assert (ended["status"], ended["result"]) == ("succeeded", counts)
    assert ended["done"] == ended["total"] == len(FILE)
    opened = points_of(platform, "+8613800138000")
    assert opened["balances"]["available"] == 1200
    assert [(part["points"], part["expires_on"]) for part in opened["expiring"]] == [
        (1200, "2030-12-31")
    ]
    again = run(platform, platform.admin(), FILE)
    assert again["result"] == {**counts, "created": 0, "unchanged": 3, "points": 0}
    assert points_of(platform, "+8613800138002")["balances"]["available"] == 50
    proof = platform.staff("auditor").post("/v1/points/verify", status=200)
    assert (proof["ok"], proof["accounts_checked"]) == (True, 3)


def test_wrong_rows_are_reported_and_the_others_imported(platform: Platform) -> None:
    platform.terminal().post("/v1/members", {"phone": "13800138009", "channel": "store"})
    manager = platform.staff("manager")
    bad = [
        "12,Short,,,,,",
        "13800138009,Known,,,,,",
        "13800138003,Old,,1700-01-01,,,",
        "13800138004,=cmd,no-mail,,,-5,",
        "13800138005,,,,,10,2020-01-01",
        "13800138006,,,,,,2030-01-01",
        "13800138000,Li Lei,li@example.com,1990-05-17,CARD-0001,9,2030-12-31",
        "13800138007,,li@example.com,,,,",
        "13800138008,too,few",
    ]
    ended = run(platform, manager, FILE + "\n".join(bad))
    assert {name: ended["result"][name] for name in ("created", "rejected")} == {
        "created": 3,
        "rejected": 9,
    }
    report = [
        (line["row"], line["field"], line["code"]) for line in lines(manager, ended["job_id"])
    ]
    assert report == [
        ("4", "phone", "invalid_phone"),
        ("5", "phone", "taken"),
        ("6", "birthday", "out_of_range"),
        ("7", "email", "invalid"),
        ("7", "points", "invalid"),
        ("8", "points_expire_on", "past"),
        ("9", "points_expire_on", "invalid"),
        ("10", "phone", "imported_differently"),
        ("11", "email", "taken"),
        ("12", "row", "wrong_number_of_cells"),
    ]


def test_import_that_dies_in_a_slice_goes_on_with_it(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_SLICE", 1)
    monkeypatch.setattr(runner, "FIRST_PAUSE_S", 0.0)
    written, add = [], repository.add_members

    def add_and_die(*rows: Any, **more: Any) -> None:
        add(*rows, **more)
        written.append(1)
        if len(written) == 2:
            raise RuntimeError("the process dies before the slice commits")

    monkeypatch.setattr(repository, "add_members", add_and_die)
    ended = run(platform, platform.staff("manager"), FILE)
    assert ended["status"] == "succeeded"
    assert (ended["result"]["created"], ended["result"]["points"]) == (3, 1250)
    assert points_of(platform, "+8613800138002")["balances"]["available"] == 50


def test_dry_run_reports_and_writes_nothing(platform: Platform) -> None:
    manager = platform.staff("manager")
    ended = run(platform, manager, FILE + "12,,,,,,\n", query="?dry_run=true")
    assert ended["result"] == {
        "created": 3, "unchanged": 0, "rejected": 1, "points": 1250, "dry_run": True
    }  # fmt: skip
    assert [line["row"] for line in lines(manager, ended["job_id"])] == ["4"]
    assert manager.get("/v1/members")["items"] == []


def test_dry_run_notices_what_comes_again_in_a_later_slice(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_SLICE", 1)
    manager = platform.staff("manager")
    again = (
        "13800138000,Li Lei,li@example.com,1990-05-17,CARD-0001,1200,2030-12-31\n"
        "13800138001,Somebody else,,,,0,\n"
        "13800138003,,li@example.com,,,,\n"
        "13800138004,,,,card 0001,,\n"
    )
    ended = run(platform, manager, FILE + again, query="?dry_run=true")
    assert ended["result"] == {
        "created": 3, "unchanged": 1, "rejected": 3, "points": 1250, "dry_run": True
    }  # fmt: skip
    wrong = lines(manager, ended["job_id"])
    assert [(line["row"], line["field"], line["code"]) for line in wrong] == [
        ("5", "phone", "imported_differently"),
        ("6", "email", "taken"),
        ("7", "card_number", "taken"),
    ]
    assert run(platform, manager, FILE)["result"]["created"] == 3  # what was tried binds nobody
    platform.services["members"].forget_rehearsed()
    left = platform.databases["members"].query("SELECT count(*) FROM rehearsed_rows")
    assert left[0][0] == 0


@pytest.mark.rule("M6")
def test_erasure_blanks_what_the_event_of_the_import_says_of_the_member(
    platform: Platform,
) -> None:
    manager = platform.staff("manager")
    born = HEADER + "13800138000,,,1990-05-17,,5,\n13800138001,,,1991-06-18,,6,\n"
    run(platform, manager, born)
    gone = platform.shopper("+8613800138000").get("/v1/members/me")["member_id"]
    status, _, _ = manager.request("DELETE", f"/v1/members/{gone}", {"reason": "Asked for it."})
    assert status == 202
    (told,) = platform.outbox("members", "member.imported")
    assert [(each["birth_month"], each["points"]) for each in told.data["members"]] == [
        (None, 5),
        (6, 6),
    ]


def test_file_that_is_none_fails_with_a_reason_and_only_who_may_imports(
    platform: Platform,
) -> None:
    manager = platform.staff("manager")
    for text in ("", "telephone,name\n1,2\n", "phone,phone\n1,2\n", 'phone\n"13800'):
        ended = run(platform, manager, text)
        assert (ended["status"], ended["error"]["code"]) == ("failed", "unreadable_file")
    for person in (platform.staff("support"), platform.terminal(), platform.shop()):
        response = person.client.post(
            "/v1/members/import",
            data=FILE,
            content_type="text/csv",
            headers={"Authorization": f"Bearer {person.token}", "Idempotency-Key": "k"},
        )
        assert response.status_code == 403


@pytest.mark.rule("M7", "I4")
def test_export_is_masked_unless_a_purpose_is_stated_and_audited(platform: Platform) -> None:
    manager = platform.staff("manager")
    run(platform, manager, FILE)

    def export(body: dict[str, Any]) -> list[dict[str, str]]:
        job_id = manager.post("/v1/members/export", body, status=202)["job_id"]
        platform.run_jobs()
        return lines(manager, job_id)

    masked = export({})
    assert (len(masked), masked[0]["name"], masked[0]["birthday"]) == (3, "L**", "****-**-**")
    shown = export({"purpose": "Move to the new mail house."})
    assert (shown[0]["phone"], shown[0]["email"]) == ("'+8613800138000", "li@example.com")
    rows = platform.staff("auditor").get("/v1/audit?action=members.export")["items"]
    assert [(row["after"]["masked"], row["reason"]) for row in rows] == [
        (False, "Move to the new mail house."),
        (True, None),
    ]
