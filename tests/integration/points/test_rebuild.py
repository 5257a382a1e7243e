"""What is cached can be proven against the journal, and set right from it (L2)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from services.points.use_cases import proofs
from shared.calls import Actor
from shared.contracts import jobs as job_contract
from shared.contracts.points import proofs as contract
from shared.jobs import runner
from shared.jobs.kinds import steps_of
from tests.integration.points.desk import Desk, line

MANAGER = Actor("staff", "0192f3a0-0000-7000-8000-000000000009", ("manager",))
GIFT = [line("1", 1_000_000, kind="gift_card")]
LAPSE = datetime(2027, 3, 31, 16, tzinfo=UTC)


@pytest.fixture
def member(desk: Desk) -> UUID:
    """Give a member who has earned, spent, given back and let points lapse."""
    member_id = uuid4()
    desk.sell(30_000, member=member_id)
    desk.sell(lines=GIFT, member=member_id, points_to_redeem=150)
    desk.clock.move_to(LAPSE)
    desk.sell(40_000, member=member_id, sale_id="kept")
    desk.give_back("kept", {"1": (1, 5_000)})
    desk.sell(90_000, member=uuid4())
    return member_id


def state(desk: Desk) -> list[list[Any]]:
    tables = {
        "accounts": "SELECT * FROM accounts ORDER BY member_id",
        "lots": "SELECT * FROM lots ORDER BY member_id, lot_id",
    }
    return [desk.database.query(statement) for statement in tables.values()]


def rebuild(desk: Desk) -> dict[str, Any]:
    started = desk.call(contract.REBUILD, {}, actor=MANAGER).body
    runner.run_due(desk.service.db, steps_of(desk.service), for_s=30)
    done = desk.call(job_contract.GET_JOB, started, actor=MANAGER).body
    assert done["status"] == "succeeded", done
    result: dict[str, Any] = done["result"]
    return result


DAMAGE = {
    "available": "UPDATE accounts SET available = available + 5, earned = earned + 5",
    "pending": "UPDATE accounts SET pending = pending + 5, earned = earned + 5",
    "held": "UPDATE accounts SET held = held + 5, redeemed = redeemed - 5",
    "debt": "UPDATE accounts SET debt = debt + 5, clawed_back = clawed_back + 5",
    "earned": "UPDATE accounts SET earned = earned + 5, expired = expired + 5",
    "redeemed": "UPDATE accounts SET redeemed = redeemed + 5, expired = expired - 5",
    "expired": "UPDATE accounts SET expired = expired - 5, clawed_back = clawed_back + 5",
    "clawed_back": "UPDATE accounts SET clawed_back = clawed_back - 5, earned = earned - 5",
    "last_number": "UPDATE accounts SET last_number = last_number + 1",
    "next_lapse_at": "UPDATE accounts SET next_lapse_at = NULL",
    "lots": "UPDATE lots SET remaining = remaining - 1",
}


@pytest.mark.rule("L2")
@pytest.mark.parametrize("figure", DAMAGE)
def test_each_cache_that_is_wrong_is_named_and_mended(
    desk: Desk, member: UUID, figure: str
) -> None:
    assert desk.verify()["ok"]
    before = state(desk)
    more = " AND remaining > 0" if figure == "lots" else ""
    damage = f"{DAMAGE[figure]} WHERE member_id = :member{more} RETURNING 1"
    assert desk.database.query(damage, member=member)
    found = desk.verify()
    assert not found["ok"]
    assert figure in {drift["account"] for drift in found["drift"]}
    result = rebuild(desk)
    assert (result["ok"], result["accounts_checked"], result["accounts_changed"]) == (True, 2, 1)
    assert result["changes"] == found["drift"]
    desk.service.expire_lots()
    assert state(desk) == before
    assert desk.verify()["ok"]


@pytest.mark.rule("L2", "E5")
def test_lot_wrongly_pending_is_mended(desk: Desk, member: UUID) -> None:
    before = state(desk)
    desk.database.query("UPDATE lots SET is_pending = true WHERE remaining > 0 RETURNING 1")
    assert {drift["account"] for drift in desk.verify()["drift"]} == {
        "available",
        "pending",
        "next_lapse_at",
    }
    assert rebuild(desk)["accounts_changed"] == 2
    desk.service.expire_lots()
    assert state(desk) == before


@pytest.mark.rule("L2")
def test_rebuild_of_what_is_right_changes_nothing(desk: Desk, member: UUID) -> None:
    before = state(desk)
    result = rebuild(desk)
    assert (result["ok"], result["accounts_changed"], result["changes"]) == (True, 0, [])
    assert state(desk) == before


@pytest.mark.rule("L2")
def test_journal_that_contradicts_itself_is_told_and_left(desk: Desk, member: UUID) -> None:
    desk.database.query(
        "INSERT INTO postings (member_id, number, seq, debit, credit, points)"
        " VALUES (:member, 1, 9, 'redeemed', 'available', 7) RETURNING 1",
        member=member,
    )
    result = rebuild(desk)
    assert not result["ok"]
    assert {drift["account"] for drift in result["drift"]} >= {"entries"}


@pytest.mark.rule("L2")
def test_rebuild_goes_on_slice_by_slice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        desk.sell(30_000, member=uuid4())
    desk.database.query("UPDATE accounts SET last_number = 7 RETURNING 1")
    monkeypatch.setattr(proofs, "ACCOUNTS_AT_ONCE", 2)
    result = rebuild(desk)
    assert (result["accounts_checked"], result["accounts_changed"]) == (5, 5)
    assert desk.verify()["ok"]


@pytest.mark.rule("L2")
def test_ledger_is_proven_once_a_night_and_drift_gives_the_alarm(desk: Desk) -> None:
    desk.sell(30_000, member=uuid4())
    night = datetime(2026, 3, 11, 19, tzinfo=UTC)  # 03:00 in Shanghai
    for before_three in (18, 18):
        desk.clock.move_to(night.replace(hour=before_three))
        desk.service.start_nightly_proof()
    assert desk.database.query("SELECT count(*) FROM jobs")[0][0] == 0
    desk.database.query("UPDATE accounts SET last_number = 7 RETURNING 1")
    for _ in range(2):
        desk.clock.move_to(night)
        desk.service.start_nightly_proof()
    with capture_logs() as logs:
        runner.run_due(desk.service.db, steps_of(desk.service), for_s=30)
    (proof,) = desk.database.query("SELECT * FROM jobs")
    assert (proof.kind, proof.status) == ("nightly_proof", "succeeded")
    assert (proof.result["ok"], proof.result["drift"][0]["account"]) == (False, "last_number")
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["ledger_drift"]
    desk.clock.advance(days=1)
    desk.service.start_nightly_proof()
    assert desk.database.query("SELECT count(*) FROM jobs")[0][0] == 2


@pytest.mark.rule("L2")
def test_commands_prove_and_rebuild(desk: Desk, member: UUID) -> None:
    def run(command: str) -> tuple[int, dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-m", "services.points", command],
            env={**os.environ, "LOYALTY_POINTS_DATABASE_URL": desk.database.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, json.loads(done.stdout)

    desk.database.query("UPDATE accounts SET last_number = last_number + 1 RETURNING 1")
    status, found = run("verify")
    assert (status, found["ok"], len(found["drift"])) == (1, False, 2)
    status, result = run("rebuild")
    assert (status, result["ok"], result["accounts_changed"]) == (0, True, 2)
    status, found = run("verify")
    assert (status, found["ok"]) == (0, True)
