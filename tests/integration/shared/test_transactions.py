"""What every write of every service relies on, on a database with nothing but platform tables."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2.extensions
import pytest
import sqlalchemy as sa
from marshmallow import fields

from shared.calls import Actor, CallContext, Idempotency, Reply
from shared.clock import ManualClock
from shared.contracts.base import EventSchema, WireSchema
from shared.contracts.event import Envelope, EventType
from shared.contracts.method import Method
from shared.db import Call, Outcome, Snapshot, Transactions, UnitOfWork, idempotency, sandbox
from shared.db.platform_ddl import V1
from shared.errors import IdempotencyKeyReused, LoyaltyError, NotFound, RequestInProgress
from shared.ids import new_id
from shared.security.crypto import MasterKey, new_key
from tests.support.postgres import ServiceDatabase

START = datetime(2026, 1, 1, tzinfo=UTC)


class _Body(WireSchema):
    value = fields.Integer(required=True)


class _Data(EventSchema):
    value = fields.Integer(required=True)


BUMP = Method("points", "bump", _Body, _Body, success=201)
BUMPED = EventType("test.bumped", 1, "points", _Data)


@pytest.fixture
def database(empty_database: Callable[[str], ServiceDatabase]) -> ServiceDatabase:
    made = empty_database("points")
    owner = sa.create_engine(made.owner_url, poolclass=sa.NullPool)
    with owner.begin() as connection:
        connection.exec_driver_sql(V1)
        connection.exec_driver_sql(
            "CREATE TABLE counters (id int PRIMARY KEY, value int NOT NULL);"
            "INSERT INTO counters VALUES (1, 0), (2, 0)"
        )
    return made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def transactions(database: ServiceDatabase, clock: ManualClock) -> Iterator[Transactions]:
    made = database.transactions(clock)
    yield made
    made.engine.dispose()


def call(key: str | None = None, body: str = "same", caller: str = "a") -> Call:
    keyed = Idempotency(key, "POST /v1/bumps", body) if key else None
    return Call(CallContext(str(new_id()), Actor("staff", caller), keyed), BUMP)


def bump(uow: UnitOfWork, *, counter: int = 1) -> Mapping[str, Any]:
    value = uow.connection.execute(
        sa.text("UPDATE counters SET value = value + 1 WHERE id = :id RETURNING value"),
        {"id": counter},
    ).scalar_one()
    uow.emit(BUMPED, subject="one", data={"value": value})
    return {"value": value}


def counter(database: ServiceDatabase, which: int = 1) -> int:
    found: int = database.query("SELECT value FROM counters WHERE id = :id", id=which)[0][0]
    return found


@pytest.mark.rule("A3")
def test_same_key_and_body_gets_the_stored_answer(
    transactions: Transactions, database: ServiceDatabase
) -> None:
    first = transactions.write(call("k"), bump)
    second = transactions.write(call("k"), bump)
    assert first == Reply(201, {"value": 1})
    assert second == Reply(201, {"value": 1}, replayed=True)
    assert counter(database) == 1


@pytest.mark.rule("A3")
def test_same_key_of_another_caller_is_another_key(
    transactions: Transactions, database: ServiceDatabase
) -> None:
    transactions.write(call("k", caller="a"), bump)
    transactions.write(call("k", caller="b"), bump)
    assert counter(database) == 2


@pytest.mark.rule("A3")
def test_same_key_with_another_body_is_refused(
    transactions: Transactions, database: ServiceDatabase
) -> None:
    transactions.write(call("k"), bump)
    with pytest.raises(IdempotencyKeyReused):
        transactions.write(call("k", body="other"), bump)
    assert counter(database) == 1


@pytest.mark.rule("A3")
def test_refusal_leaves_nothing_and_is_judged_afresh(
    transactions: Transactions, database: ServiceDatabase
) -> None:
    def refuse(uow: UnitOfWork) -> Mapping[str, Any]:
        bump(uow)
        raise NotFound

    with pytest.raises(NotFound):
        transactions.write(call("k"), refuse)
    assert counter(database) == 0
    assert database.query("SELECT * FROM outbox") == []
    assert transactions.write(call("k"), bump) == Reply(201, {"value": 1})


@pytest.mark.rule("A3")
def test_fifty_parallel_requests_with_one_key_have_one_effect_and_one_answer(
    transactions: Transactions, database: ServiceDatabase
) -> None:
    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda _: transactions.write(call("k"), bump), range(50)))
    assert {reply.body["value"] for reply in replies} == {1}
    assert sum(not reply.replayed for reply in replies) == 1
    assert counter(database) == 1


@pytest.mark.rule("A3")
def test_key_still_running_after_the_lock_timeout_is_in_progress(
    transactions: Transactions,
) -> None:
    running, enough = threading.Event(), threading.Event()

    def slow(uow: UnitOfWork) -> Mapping[str, Any]:
        running.set()
        enough.wait(20)
        return bump(uow)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(transactions.write, call("k"), slow)
        running.wait(10)
        with pytest.raises(RequestInProgress):
            transactions.write(call("k"), bump)
        enough.set()
        assert first.result(10).body == {"value": 1}


@pytest.mark.rule("A3")
@pytest.mark.rule("I2")
def test_stored_answer_is_sealed_and_opens_for_the_replay(
    database: ServiceDatabase, clock: ManualClock
) -> None:
    sealed = Transactions(database.engine, clock, vault=MasterKey(new_key()))
    sealed.write(call("k"), lambda _uow: {"value": 1234567})
    stored = bytes(database.query("SELECT body FROM idempotency")[0][0])
    assert b"1234567" not in stored
    assert sealed.write(call("k"), bump) == Reply(201, {"value": 1234567}, replayed=True)


@pytest.mark.rule("A3")
def test_old_keys_are_forgotten_after_thirty_days(
    transactions: Transactions, database: ServiceDatabase, clock: ManualClock
) -> None:
    transactions.write(call("old"), bump)
    clock.advance(days=29)
    transactions.write(call("young"), bump)
    clock.advance(days=1, seconds=1)
    done = transactions.sweep("keys", lambda uow: idempotency.purge(uow.connection, uow.now))
    assert done == 1
    assert [row[0] for row in database.query("SELECT key FROM idempotency")] == ["young"]


def test_outcome_overrides_the_status(transactions: Transactions) -> None:
    reply = transactions.write(call(), lambda _uow: Outcome({"value": 1}, status=202))
    assert reply.status == 202


def test_events_of_a_subject_are_numbered_without_gaps_in_commit_order(
    transactions: Transactions, database: ServiceDatabase
) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: transactions.write(call(), bump), range(64)))
    rows = database.query("SELECT sequence, (data->>'value')::int FROM outbox ORDER BY id")
    assert [row[0] for row in rows] == list(range(1, 65))
    assert [row[1] for row in rows] == list(range(1, 65))


def test_opposite_lock_orders_end_without_a_deadlock_for_the_caller(
    transactions: Transactions, database: ServiceDatabase
) -> None:
    met = threading.Barrier(2)
    first_try = {1: True, 2: True}

    def both(first: int) -> Callable[[UnitOfWork], Mapping[str, Any]]:
        def use_case(uow: UnitOfWork) -> Mapping[str, Any]:
            bump(uow, counter=first)
            met.wait(2) if first_try.pop(first, None) else None
            return bump(uow, counter=3 - first)

        return use_case

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(transactions.write, call(), both(1 + n % 2)) for n in range(6)]:
            future.result(30)
    assert (counter(database, 1), counter(database, 2)) == (6, 6)


def _envelope() -> Envelope:
    return Envelope(
        id=new_id(),
        type="test.bumped",
        version=1,
        occurred_at=START,
        recorded_at=START,
        producer="members",
        subject="one",
        sequence=1,
        data={"value": 1},
    )


def test_event_delivered_many_times_in_parallel_is_applied_once(
    transactions: Transactions, database: ServiceDatabase
) -> None:
    event = _envelope()

    def apply(uow: UnitOfWork, _event: Envelope) -> None:
        bump(uow)

    with ThreadPoolExecutor(8) as pool:
        applied = list(pool.map(lambda _: transactions.consume(event, apply), range(8)))
    assert sum(applied) == 1
    assert counter(database) == 1


def test_event_whose_effect_failed_is_not_taken_as_seen(
    transactions: Transactions, database: ServiceDatabase
) -> None:
    event = _envelope()

    def fail(uow: UnitOfWork, _event: Envelope) -> None:
        bump(uow)
        raise LoyaltyError

    with pytest.raises(LoyaltyError):
        transactions.consume(event, fail)
    assert transactions.consume(event, lambda uow, _event: bump(uow))
    assert counter(database) == 1


def test_sweep_is_done_by_one_of_many_at_a_time(
    transactions: Transactions, database: ServiceDatabase
) -> None:
    inside, most = [], []

    def batch(uow: UnitOfWork) -> int:
        inside.append(1)
        most.append(len(inside))
        value = int(bump(uow)["value"])
        inside.pop()
        return 0 if value >= 20 else 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: transactions.sweep("one", batch), range(6)))
    assert max(most) == 1
    assert counter(database) >= 20


@pytest.mark.rule("A8")
def test_sandbox_clock_holds_for_the_next_transaction_and_runs_on(
    database: ServiceDatabase, clock: ManualClock
) -> None:
    here = database.transactions(clock, sandbox=True)
    replica = Transactions(database.engine, clock, sandbox=True)
    target = START + timedelta(days=40)
    here.run(lambda uow: sandbox.advance(uow.connection, machine_now=clock.now(), target=target))
    assert replica.run(lambda uow: uow.now) == target
    clock.advance(seconds=5)
    assert replica.run(lambda uow: uow.now) == target + timedelta(seconds=5)
    here.run(lambda uow: sandbox.advance(uow.connection, machine_now=clock.now(), target=START))
    assert here.run(lambda uow: uow.now) == target + timedelta(seconds=5)


def test_connection_lost_before_the_commit_is_replaced_and_the_work_done_once(
    transactions: Transactions, database: ServiceDatabase
) -> None:
    cut: list[int] = []

    def bump_and_lose_the_first_connection(uow: UnitOfWork) -> Mapping[str, Any]:
        result = bump(uow)
        if not cut:
            cut.append(uow.connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())
            database.query("SELECT pg_terminate_backend(:pid)", pid=cut[0])
            uow.connection.execute(sa.text("SELECT 1"))
        return result

    reply = transactions.write(call("k"), bump_and_lose_the_first_connection)

    assert cut
    assert reply.body == {"value": 1}
    assert counter(database) == 1


def test_connection_lost_in_the_commit_is_not_tried_again(
    transactions: Transactions, database: ServiceDatabase
) -> None:
    tries: list[int] = []

    def bump_and_lose_the_connection(uow: UnitOfWork) -> Mapping[str, Any]:
        result = bump(uow)
        tries.append(uow.connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())
        return result

    def cut(_connection: Any) -> None:
        if tries:
            database.query("SELECT pg_terminate_backend(:pid)", pid=tries[0])

    sa.event.listen(transactions.engine, "commit", cut)
    with pytest.raises(sa.exc.OperationalError):
        transactions.run(bump_and_lose_the_connection)
    sa.event.remove(transactions.engine, "commit", cut)

    assert len(tries) == 1


def test_read_begins_no_transaction(transactions: Transactions) -> None:
    def states(snapshot: Snapshot) -> Mapping[str, Any]:
        driver = snapshot.connection.connection.driver_connection
        snapshot.connection.execute(sa.text("SELECT 1"))
        assert driver is not None
        return {"value": driver.get_transaction_status()}

    idle = psycopg2.extensions.TRANSACTION_STATUS_IDLE
    assert transactions.read(call(), states).body == {"value": idle}
