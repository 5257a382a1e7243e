"""Changes of how long points last, and what becomes of points that were earned before (L12)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
import sqlalchemy as sa

from services.points.use_cases import expiry_changes
from shared.calls import Actor
from shared.clock import rfc3339
from shared.contracts.points import expiry as contract
from tests.integration.points.desk import START, Desk, line, refusal_of

MANAGER = Actor("staff", "0192f3a0-0000-7000-8000-000000000009", ("manager",))
GIFT = [line("1", 1_000_000, kind="gift_card")]
A_YEAR_ON = "2027-03-31T16:00:00Z"
TWO_YEARS_ON = "2028-03-31T16:00:00Z"


def change(desk: Desk, months: int = 24, at: datetime = START, **fields: Any) -> dict[str, Any]:
    draft = {"months": months, "round_to": "month_end", "effective_from": rfc3339(at)}
    return desk.call(contract.ANNOUNCE_EXPIRY_CHANGE, draft | fields, actor=MANAGER).body


def shown(desk: Desk, announced: dict[str, Any]) -> dict[str, Any]:
    return desk.call(contract.EXPIRY_CHANGE, {"change_id": announced["change_id"]}).body


def expiries(desk: Desk, member: UUID) -> list[tuple[int, str]]:
    return [(part["points"], part["expires_at"]) for part in desk.points(member)["expiring"]]


@contextmanager
def statements_of(desk: Desk) -> Iterator[list[str]]:
    noted: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        noted.append(statement)

    sa.event.listen(desk.database.engine, "before_cursor_execute", note)
    yield noted
    sa.event.remove(desk.database.engine, "before_cursor_execute", note)


@pytest.mark.rule("L12")
def test_longer_terms_prolong_what_was_earned_before(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30000, member=member)
    announced = change(desk, at=START + timedelta(days=60))
    assert announced["shortens"] is False
    assert announced["previous"] == {"months": 12, "round_to": "month_end"}
    assert expiries(desk, member) == [(300, A_YEAR_ON)]
    desk.service.extend_lots()
    assert expiries(desk, member) == [(300, TWO_YEARS_ON)]
    assert shown(desk, announced)["existing_lots"] == {
        "extended": 1,
        "finished_at": "2026-03-10T04:00:00Z",
    }
    assert desk.verify()["ok"]


@pytest.mark.rule("L12")
def test_sale_reported_late_lasts_as_long_as_if_it_had_been_known(desk: Desk) -> None:
    member = uuid4()
    change(desk, at=START + timedelta(days=1))
    desk.service.extend_lots()
    desk.clock.advance(days=2)
    desk.sell(10000, member=member, occurred_at=rfc3339(START))
    desk.sell(20000, member=member)
    assert expiries(desk, member) == [(300, TWO_YEARS_ON)]


@pytest.mark.rule("L12")
def test_shorter_terms_spare_what_was_earned_before(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30000, member=member)
    announced = change(desk, 1, START + timedelta(days=30), force=True, reason="costs")
    assert announced["shortens"] is True
    desk.service.extend_lots()
    desk.clock.advance(days=30)
    desk.sell(10000, member=member)
    assert expiries(desk, member) == [(100, "2026-05-31T16:00:00Z"), (300, A_YEAR_ON)]


@pytest.mark.rule("L12")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"months": 6}, "expiry_force_required"),
        ({"months": 6, "force": True}, "expiry_reason_required"),
        ({"months": 6, "force": True, "reason": "costs"}, "expiry_notice_too_short"),
        ({"months": 24, "at": START - timedelta(hours=1)}, "expiry_change_in_past"),
        ({"months": 12}, "expiry_unchanged"),
    ],
)
def test_refused_change_changes_nothing(desk: Desk, fields: dict[str, Any], code: str) -> None:
    assert refusal_of(lambda: change(desk, **fields)).code == code
    assert desk.call(contract.EXPIRY_CHANGES, {"limit": 10}).body["items"] == []


@pytest.mark.rule("L12")
def test_the_same_change_again_is_refused(desk: Desk) -> None:
    first = change(desk)
    assert refusal_of(lambda: change(desk)).code == "expiry_unchanged"
    page = desk.call(contract.EXPIRY_CHANGES, {"limit": 10}).body
    assert [item["change_id"] for item in page["items"]] == [first["change_id"]]


@pytest.mark.rule("L12", "L4")
def test_points_do_not_lapse_while_their_lot_waits_to_be_prolonged(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30000, member=member)
    lapse = datetime(2027, 3, 31, 16, tzinfo=UTC)
    desk.clock.move_to(lapse - timedelta(seconds=1))
    change(desk, at=desk.clock.now())
    desk.clock.move_to(lapse)
    assert desk.sell(10000, member=member).body["balances"]["available"] == 400
    assert [entry["type"] for entry in desk.journal(member)] == ["earn", "earn"]


@pytest.mark.rule("L12", "L4")
def test_sweep_waits_for_lots_to_be_prolonged(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30000, member=member)
    lapse = datetime(2027, 3, 31, 16, tzinfo=UTC)
    desk.clock.move_to(lapse - timedelta(seconds=1))
    change(desk, at=desk.clock.now())
    desk.clock.move_to(lapse)
    desk.service.expire_lots()
    desk.service.extend_lots()
    desk.service.expire_lots()
    assert expiries(desk, member) == [(300, TWO_YEARS_ON)]


@pytest.mark.rule("L12")
def test_what_has_lapsed_stays_lapsed(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30000, member=member)
    desk.clock.move_to(datetime(2027, 3, 31, 16, tzinfo=UTC))
    change(desk, at=desk.clock.now())
    desk.service.extend_lots()
    assert expiries(desk, member) == []
    assert desk.sell(10000, member=member).body["balances"]["available"] == 100


@pytest.mark.rule("L12", "S4")
def test_spent_points_come_home_to_a_lot_that_was_prolonged(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30000, member=member)
    desk.sell(lines=GIFT, member=member, points_to_redeem=300, sale_id="spent")
    change(desk)
    desk.service.extend_lots()
    desk.cancel("spent")
    assert expiries(desk, member) == [(300, TWO_YEARS_ON)]


@pytest.mark.rule("L12")
def test_points_with_a_life_of_their_own_keep_it(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30000, member=member)
    desk.database.query("UPDATE lots SET earned_at = NULL RETURNING 1")
    change(desk)
    desk.service.extend_lots()
    assert expiries(desk, member) == [(300, A_YEAR_ON)]


@pytest.mark.rule("L12")
def test_pass_goes_on_where_it_was_interrupted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    members = [uuid4() for _ in range(5)]
    for member in members:
        desk.sell(30000, member=member)
    announced = change(desk)
    monkeypatch.setattr(expiry_changes, "ACCOUNTS_AT_ONCE", 2)
    assert desk.service.db.run(expiry_changes.extend_lots) == 2
    assert shown(desk, announced)["existing_lots"] == {"extended": 2, "finished_at": None}
    desk.service.extend_lots()
    assert shown(desk, announced)["existing_lots"]["extended"] == 5
    assert [expiries(desk, member) for member in members] == [[(300, TWO_YEARS_ON)]] * 5


@pytest.mark.rule("L12")
def test_pass_waits_for_awards_that_could_not_know_of_the_change(desk: Desk) -> None:
    with desk.database.engine.begin() as award:
        award.execute(sa.text("SELECT pg_current_xact_id()"))
        announced = change(desk)
        desk.service.extend_lots()
        assert shown(desk, announced)["existing_lots"]["finished_at"] is None
    desk.service.extend_lots()
    assert shown(desk, announced)["existing_lots"]["finished_at"] is not None


@pytest.mark.rule("L12")
def test_sale_takes_no_more_statements_once_terms_have_changed(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30000, member=member)
    with statements_of(desk) as before:
        desk.sell(30000, member=member)
    change(desk)
    desk.sell(30000, member=member)
    with statements_of(desk) as after:
        desk.sell(30000, member=member)
    assert len(after) == len(before)


@pytest.mark.rule("L12")
@pytest.mark.parametrize("table", ["expiry_changes", "expiry_periods"])
@pytest.mark.parametrize("role", ["url", "admin_url"])
def test_history_cannot_be_changed(desk: Desk, table: str, role: str) -> None:
    change(desk)
    engine = sa.create_engine(getattr(desk.database, role), poolclass=sa.NullPool)
    with pytest.raises(sa.exc.DBAPIError) as caught, engine.begin() as connection:
        connection.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608 - one of two names
    assert isinstance(
        caught.value.orig,
        psycopg2.errors.InsufficientPrivilege | psycopg2.errors.RestrictViolation,
    )
