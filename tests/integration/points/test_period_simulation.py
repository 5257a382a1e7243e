"""What a past period would have cost by other rules (E4, A9)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from services.points.use_cases import period_simulation
from shared.calls import Actor
from shared.clock import rfc3339
from shared.contracts.points import rpc
from shared.db.tables import PLATFORM
from shared.jobs.kinds import steps_of
from shared.jobs.runner import run_one
from tests.integration.points.desk import Desk, line, refusal_of
from tests.integration.points.test_awards import BONUS, TWICE, rule

STAFF = Actor("staff", "m-1", ("marketing",))


def begin(desk: Desk, *drafts: dict[str, Any], days: int = 30, **period: Any) -> str:
    now = desk.clock.now()
    payload = {
        "from": rfc3339(now - timedelta(days=days)),
        "until": rfc3339(now + timedelta(seconds=1)),
        "rules": [{"name": f"d{place}", **draft} for place, draft in enumerate(drafts)] or None,
    } | period
    job_id: str = desk.call(rpc.SIMULATE_PERIOD, payload, actor=STAFF).body["job_id"]
    return job_id


def slices(desk: Desk) -> int:
    """Do all slices; return how many there were."""
    number = 0
    while run_one(desk.service.db, steps_of(desk.service)):
        number += 1
    return number


def job(desk: Desk, job_id: str) -> Any:
    statement = sa.select(PLATFORM.work.jobs).filter_by(job_id=UUID(job_id))
    with desk.service.db.engine.connect() as connection:
        row = connection.execute(statement).one()
    return row


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(period_simulation, "A_SLICE", 2)


def shop(desk: Desk, count: int = 5) -> list[UUID]:
    members = [uuid4() for _ in range(count)]
    for member in members:
        desk.sell(5000, member=member)
    return members


@pytest.mark.rule("E4", "A9")
@pytest.mark.usefixtures("small_slices")
def test_period_is_judged_again_slice_by_slice(desk: Desk) -> None:
    rule(desk, "Once", **BONUS)
    (first, *_) = shop(desk)
    desk.sell(lines=[line("1", 1000, kind="gift_card"), line("2", 900)], member=first)
    desk.sell(7000)
    desk.sell(5000, member=first, sale_id="undone")
    desk.cancel("undone")
    before = desk.database.query("SELECT count(*) AS n FROM transactions")[0].n
    job_id = begin(desk, TWICE)
    assert slices(desk) == 4
    found = job(desk, job_id)
    assert (found.status, found.done, found.total) == ("succeeded", 6, 6)
    result = found.result
    assert result["sales"] == 6
    assert result["points"] == {"did": 759, "would": 518, "difference": -241}
    by_rule = {each["rule"]: (each["did"], each["would"]) for each in result["by_rule"]}
    assert by_rule == {"base": (259, 259), "Once": (500, 0), "d0": (0, 259)}
    assert desk.database.query("SELECT count(*) AS n FROM transactions")[0].n == before


@pytest.mark.rule("E4")
@pytest.mark.usefixtures("small_slices")
def test_caps_and_first_purchases_count_within_the_period(desk: Desk) -> None:
    member, other = uuid4(), uuid4()
    for who in (member, member, member, other, other):
        desk.sell(5000, member=who)
    capped = {**BONUS, "caps": {"per_member_per_day": 150, "total": 220}}
    welcome = {**BONUS, "points": 7, "scope": {"first_purchase": True}}
    job_id = begin(desk, capped, welcome)
    slices(desk)
    result = job(desk, job_id).result
    by_rule = {each["rule"]: each["would"] for each in result["by_rule"]}
    assert by_rule == {"base": 250, "d0": 220, "d1": 14}


@pytest.mark.rule("E4")
def test_period_without_drafts_is_judged_by_what_is_published(desk: Desk) -> None:
    shop(desk, 2)
    desk.clock.advance(days=2)
    rule(desk, **TWICE)
    shop(desk, 1)
    job_id = begin(desk)
    slices(desk)
    assert job(desk, job_id).result["points"] == {"did": 200, "would": 200, "difference": 0}


@pytest.mark.parametrize(
    ("period", "field"),
    [
        ({"until": "2026-01-01T00:00:00Z", "from": "2026-01-01T00:00:00Z"}, "until"),
        ({"until": "2026-01-01T00:00:00Z", "from": "2024-12-30T00:00:00Z"}, "until"),
        ({"until": "2026-03-11T00:00:00Z"}, "until"),
    ],
)
def test_period_is_a_year_of_the_past_at_most(
    desk: Desk, period: dict[str, Any], field: str
) -> None:
    refusal = refusal_of(lambda: begin(desk, **period))
    assert [error.field for error in refusal.errors] == [field]


def test_contradictory_drafts_start_no_job(desk: Desk) -> None:
    refusal = refusal_of(lambda: begin(desk, {"kind": "base"}))
    assert refusal.code == "rule_not_valid"
    assert [error.field for error in refusal.errors] == ["rules.0.value"]
