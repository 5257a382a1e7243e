"""The audit trail: written with its effect, never changed, and proved by hash (I4)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg2.errors
import pytest
import sqlalchemy as sa

from shared import audit
from shared.calls import Actor, CallContext
from shared.clock import ManualClock
from shared.db import Snapshot, Transactions, UnitOfWork
from shared.errors import NotFound
from shared.security.crypto import MasterKey, new_key
from tests.support.postgres import ServiceDatabase

START = datetime(2026, 1, 1, tzinfo=UTC)
BOSS = CallContext("r-1", Actor("staff", "boss", ("manager",)))


@pytest.fixture
def database(service_database: Callable[[str], ServiceDatabase]) -> ServiceDatabase:
    return service_database("points")


@pytest.fixture
def db(database: ServiceDatabase) -> Transactions:
    return replace(database.transactions(ManualClock(START)), vault=MasterKey(new_key()))


def act(uow: UnitOfWork, *, number: int = 1, times: int = 1) -> None:
    """Do something privileged, as often as asked in one transaction."""
    for _ in range(times):
        uow.audit(
            "rule.publish",
            ("rule", number),
            before={"status": "draft"},
            after={"status": "published", "at": START, "id": UUID(int=number)},
            reason="Spring sale",
        )


def tampered(database: ServiceDatabase, statement: str) -> None:
    """Change the trail as only a superuser who switches triggers off can."""
    database.query(f"SET LOCAL session_replication_role = replica; {statement}")


def proof(db: Transactions) -> audit.Proof:
    """Prove the whole trail."""
    found = audit.Proof()
    with db.engine.connect() as connection:
        while not found.is_complete:
            found = audit.verify_on(connection, found)
    return found


def listed(db: Transactions, **wanted: Any) -> list[Mapping[str, Any]]:
    with db.engine.connect() as connection:
        snapshot = Snapshot(connection, START, BOSS, db.vault)
        page = {"limit": 50, "after": None} | wanted
        items: list[Mapping[str, Any]] = audit.trail(snapshot, service="points", **page)["items"]
    return items


@pytest.mark.rule("I4")
def test_action_is_noted_with_who_what_and_why(db: Transactions) -> None:
    db.run(act, context=BOSS, number=7)
    (row,) = listed(db)
    hash_ = row["hash"]
    assert len(hash_) == 64
    assert {name: row[name] for name in row if name not in ("audit_id", "hash")} == {
        "at": START,
        "service": "points",
        "actor": {"kind": "staff", "id": "boss"},
        "action": "rule.publish",
        "target": {"kind": "rule", "id": "7"},
        "before": {"status": "draft"},
        "after": {"status": "published", "at": "2026-01-01T00:00:00Z", "id": str(UUID(int=7))},
        "reason": "Spring sale",
        "request_id": "r-1",
    }


@pytest.mark.rule("I4")
def test_action_that_failed_is_not_noted(db: Transactions) -> None:
    def refused(uow: UnitOfWork) -> None:
        act(uow)
        raise NotFound

    with pytest.raises(NotFound):
        db.run(refused, context=BOSS)
    assert listed(db) == []
    assert proof(db) == audit.Proof(is_complete=True)


@pytest.mark.rule("I4")
def test_parallel_actions_make_one_chain_without_a_gap(
    db: Transactions, database: ServiceDatabase
) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: db.run(act, context=BOSS, number=n, times=1 + n % 3), range(40)))
    expected = sum(1 + n % 3 for n in range(40))
    numbers = [row.sequence for row in database.query("SELECT sequence FROM audit ORDER BY 1")]
    assert numbers == list(range(1, expected + 1))
    found = proof(db)
    assert (found.broken, found.sequence) == (None, expected)


@pytest.mark.rule("I4")
@pytest.mark.parametrize("owner", [False, True], ids=["service", "owner"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit SET actor_id = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"],
)
def test_database_refuses_to_change_the_trail(
    db: Transactions, database: ServiceDatabase, statement: str, *, owner: bool
) -> None:
    db.run(act, context=BOSS)
    url = database.owner_url if owner else database.url
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection, pytest.raises(sa.exc.DBAPIError) as refused:
        connection.exec_driver_sql(statement)
    wanted = psycopg2.errors.RaiseException if owner else psycopg2.errors.InsufficientPrivilege
    assert isinstance(refused.value.orig, wanted)


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("statement", "sequence"),
    [
        ("UPDATE audit SET actor_id = 'nobody' WHERE sequence = 4", 4),
        ("UPDATE audit SET at = at + interval '1 microsecond' WHERE sequence = 1", 1),
        ("UPDATE audit SET after = NULL WHERE sequence = 10", 10),
        ("UPDATE audit SET reason = NULL WHERE sequence = 2", 2),
        ("DELETE FROM audit WHERE sequence = 4", 5),
        ("DELETE FROM audit WHERE sequence = 1", 2),
        ("DELETE FROM audit WHERE sequence >= 9", 9),
        ("UPDATE audit_head SET sequence = 9", 11),
    ],
)
def test_first_row_that_was_touched_is_named(
    db: Transactions,
    database: ServiceDatabase,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    sequence: int,
) -> None:
    monkeypatch.setattr(audit, "ROWS_AT_ONCE", 3)
    db.run(act, context=BOSS, times=10)
    assert proof(db).broken is None
    tampered(database, statement)
    broken = proof(db).broken
    assert broken is not None
    assert broken["sequence"] == sequence


@pytest.mark.rule("M4")
def test_reason_lies_about_sealed(db: Transactions, database: ServiceDatabase) -> None:
    db.run(act, context=BOSS)
    (row,) = database.query("SELECT reason, to_jsonb(audit)::text AS whole FROM audit")
    assert b"Spring" not in bytes(row.reason)
    assert "Spring" not in row.whole


def test_trail_is_filtered_and_paged_newest_first(db: Transactions) -> None:
    han = CallContext("r-2", Actor("staff", "han"))
    for number, context in enumerate((BOSS, han, BOSS)):
        db.run(act, context=context, number=number)
    newest = [row["target"]["id"] for row in listed(db)]
    assert newest == ["2", "1", "0"]

    def targets(**wanted: Any) -> list[str]:
        return [row["target"]["id"] for row in listed(db, **wanted)]

    assert targets(actor="han") == targets(actor="staff:han") == ["1"]
    assert targets(actor="terminal:han") == targets(action="rule.retire") == []
    assert targets(target="rule:2") == ["2"]
    assert targets(since=START, limit=1) == ["2"]
    assert targets(until=START) == []
    last = listed(db, limit=1)[0]["audit_id"]
    assert targets(after={"audit_id": str(last)}) == ["1", "0"]


def test_difference_names_what_changed() -> None:
    before, after = audit.difference({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": None})
    assert json.dumps([before, after]) == '[{"b": 2}, {"b": 3}]'
