"""Codes printed elsewhere are taken in row by row: once each, and every other row is told (C9)."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from typing import Any

import pytest

from services.coupons import codes
from services.coupons.repository import pools
from services.coupons.use_cases import importing
from shared.contracts import jobs
from shared.contracts.coupons import rpc
from shared.contracts.platform import of
from shared.ids import new_id
from tests.integration.coupons.harness import Coupons, Refused, rejected
from tests.integration.coupons.test_pools import export, made, work

GOOD = [codes.new_code() for _ in range(30)]
MISTYPED = GOOD[0][:-1] + next(c for c in codes.ALPHABET if c != GOOD[0][-1])
Body = dict[str, Any]


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_SLICE", 8)
    monkeypatch.setattr(importing, "_AT_ONCE", 3)


def upload(coupons: Coupons, campaign_id: str, text: str) -> str:
    """Start an import of this file, as one chunk or none; returns the job's id."""
    job_id: str = coupons.call(rpc.IMPORT_CODES, {"campaign_id": campaign_id})["job_id"]
    chunks = [text.encode()] if text else []
    for seq, raw in enumerate(chunks):
        chunk = {"job_id": job_id, "seq": seq, "data": base64.b64encode(raw).decode()}
        coupons.call(of("coupons", jobs.ADD_JOB_INPUT), chunk)
    digest = jobs.input_digest(hashlib.sha256(raw).digest() for raw in chunks)
    end = {"job_id": job_id, "chunks": len(chunks), "digest": digest}
    coupons.call(of("coupons", jobs.END_JOB_INPUT), end)
    return job_id


def listed(*found: str) -> str:
    return "code\r\n" + "".join(f"{code}\r\n" for code in found)


def job(coupons: Coupons, job_id: str) -> Body:
    return coupons.call(of("coupons", jobs.GET_JOB), {"job_id": job_id})


def report(coupons: Coupons, job_id: str) -> list[tuple[int, str]]:
    """Return row and reason of what was not taken."""
    text, seq = b"", 0
    while True:
        asked = {"job_id": job_id, "seq": seq}
        data = coupons.call(of("coupons", jobs.READ_JOB_FILE), asked)["data"]
        if data is None:
            break
        text, seq = text + base64.b64decode(data), seq + 1
    rows = csv.DictReader(io.StringIO(text.decode()))
    return [(int(row["row"]), row["reason"]) for row in rows]


def take_in(coupons: Coupons, campaign_id: str, text: str) -> str:
    """Import a file; returns the job's id."""
    job_id = upload(coupons, campaign_id, text)
    work(coupons)
    return job_id


@pytest.mark.rule("C9")
def test_every_row_is_taken_in_or_told_with_its_number(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(validity={"days_after_issue": 5})
    held = coupons.claim(campaign_id, coupons.member())["code"]
    coupons.public("WELCOME2026")
    rows = [
        *(f"issued,{code.lower()}," for code in GOOD[:10]),  # rows 2 to 11
        "issued,,",
        f"issued,{GOOD[3]},",
        f"issued,{MISTYPED},",
        "issued,****-****-K7PX,",
        "",
        f"issued,{held},",
        "issued,welcome-2026,",
        "issued,=cmd|' /C calc'!A0,",
        "issued",
        f'"issued","{GOOD[10]}",""',
    ]
    job_id = take_in(coupons, campaign_id, "\ufeffstatus,Code,valid_until\n" + "\n".join(rows))
    wrong = [
        (12, "code_missing"),
        (13, "duplicate"),
        (14, "code_mistyped"),
        (15, "code_malformed"),
        (17, "duplicate"),
        (18, "duplicate"),
        (19, "code_malformed"),
        (20, "code_missing"),
    ]
    assert report(coupons, job_id) == wrong
    done = job(coupons, job_id)
    assert (done["status"], done["done"]) == ("succeeded", done["total"])
    assert done["result"] == {
        "campaign_id": campaign_id,
        "codes": 11,
        "rejected": 8,
        "errors": [{"row": row, "reason": reason} for row, reason in wrong],
    }
    items = export(coupons, campaign_id)
    assert [codes.normalise(item["code"]) for item in items] == [
        codes.normalise(code) for code in GOOD[:11]
    ]
    assert {item["valid_until"] for item in items} == {"2026-03-15T16:00:00Z"}


@pytest.mark.rule("C9")
def test_file_sent_twice_adds_nothing_the_second_time(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(limits={"total": 100})
    take_in(coupons, campaign_id, listed(*GOOD))
    job_id = take_in(coupons, campaign_id, listed(*GOOD))
    assert job(coupons, job_id)["result"]["rejected"] == len(GOOD)
    assert made(coupons) == coupons.usage(campaign_id)["issued", ""] == len(GOOD)


@pytest.mark.rule("C9", "A9")
def test_slice_that_dies_is_done_again_and_nothing_twice(
    coupons: Coupons, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = coupons.campaign(limits={"total": 100})
    job_id = upload(coupons, campaign_id, listed(*GOOD, MISTYPED))
    work(coupons, 1)
    whole, calls = pools.add, []

    def die_half_way(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*args)

    monkeypatch.setattr(pools, "add", die_half_way)
    with pytest.raises(KeyboardInterrupt):
        work(coupons, 1)
    assert made(coupons) == 8
    coupons.database.query("UPDATE jobs SET due_at = clock_timestamp()")  # the lease is over
    work(coupons)
    assert job(coupons, job_id)["result"]["codes"] == len(GOOD)
    assert report(coupons, job_id) == [(len(GOOD) + 2, "code_mistyped")]
    assert made(coupons) == coupons.usage(campaign_id)["issued", ""] == len(GOOD)


@pytest.mark.rule("C6", "C9")
def test_total_is_filled_exactly_and_the_rest_is_told(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(limits={"total": 10})
    coupons.claim(campaign_id, coupons.member())
    again = [GOOD[0], GOOD[0], *GOOD[1:]]
    job_id = take_in(coupons, campaign_id, listed(*again))
    assert coupons.usage(campaign_id)["issued", ""] == 10
    told = report(coupons, job_id)
    assert told[0] == (3, "duplicate")
    assert {reason for _, reason in told[1:]} == {"budget_exhausted"}
    assert [row for row, _ in told[1:]] == list(range(12, 2 + len(again)))


@pytest.mark.rule("C8")
def test_whoever_brings_a_code_printed_elsewhere_may_use_it_once(coupons: Coupons) -> None:
    job_id = take_in(coupons, coupons.campaign(), listed("VIP 2026-ABCD-0001"))
    assert job(coupons, job_id)["result"]["codes"] == 1
    assert coupons.reserve("o1", ["vip2026 abcd0001"])["discount_minor"] == 500
    assert rejected(coupons.reserve("o2", ["VIP2026ABCD0001"])) == {"VIP2026ABCD0001": "reserved"}


@pytest.mark.parametrize("text", ["", "codes\nX\n", "code,code\nX,Y\n", "code,color\nX,red\n"])
def test_file_without_a_column_of_codes_is_refused(coupons: Coupons, text: str) -> None:
    job_id = take_in(coupons, coupons.campaign(), text)
    done = job(coupons, job_id)
    assert (done["status"], done["error"]["code"]) == ("failed", "unreadable_file")
    assert made(coupons) == 0


def test_codes_are_taken_into_published_campaigns_with_unique_codes_only(
    coupons: Coupons,
) -> None:
    for campaign_id, code in (
        (coupons.campaign(publish=False), "campaign_state_conflict"),
        (coupons.public(), "not_claimable"),
        (str(new_id()), "not_found"),
    ):
        with pytest.raises(Refused, match=code):
            coupons.call(rpc.IMPORT_CODES, {"campaign_id": campaign_id})


@pytest.mark.rule("C8")
def test_imported_codes_lie_about_nowhere_in_plain(coupons: Coupons) -> None:
    take_in(coupons, coupons.campaign(), listed(*GOOD, MISTYPED, GOOD[0]))
    for table in ("coupons", "jobs", "job_chunks", "history", "outbox"):
        for (row,) in coupons.database.query(f"SELECT CAST(t AS text) FROM {table} t"):  # noqa: S608
            assert not any(code in row for code in (*GOOD, MISTYPED))
