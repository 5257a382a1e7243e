"""A service's database under eventlet."""

from __future__ import annotations

import base64
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from eventlet import patcher
from marshmallow import fields

from shared.calls import Reply
from shared.contracts.base import EmptySchema, WireSchema
from shared.contracts.event import Envelope
from shared.contracts.method import Method
from shared.db import Call, Snapshot, Transactions, UnitOfWork
from shared.db.tables import PLATFORM
from shared.errors.backend import BackendUnavailable
from shared.events.handler import on
from shared.events.subscriptions import SUBSCRIPTIONS
from shared.lanes import beside
from shared.rpc.client import RpcClient
from shared.rpc.server import Database, every, rpc
from shared.settings import Secret, ServiceSettings
from tests.support.echo import context
from tests.support.events import envelope, event_type, publish, waiting
from tests.support.postgres import ServiceDatabase
from tests.support.rabbitmq import Rabbit
from tests.support.waiting import eventually

KEY = Secret(base64.b64encode(bytes(32)).decode())


class SleepSchema(WireSchema):
    """How long the query takes."""

    seconds = fields.Float(required=True)


def sleep(snapshot: Snapshot, *, seconds: float) -> Mapping[str, Any]:
    snapshot.connection.execute(sa.text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})
    return {}


@pytest.fixture
def database(empty_database: Callable[[str], ServiceDatabase]) -> ServiceDatabase:
    """A database with the platform's tables."""
    made = empty_database("green")
    PLATFORM.outbox.metadata.create_all(sa.create_engine(made.owner_url, poolclass=sa.NullPool))
    return made


def settings_of(service: str, database: ServiceDatabase) -> dict[str, ServiceSettings]:
    nothing = Secret("")
    return {
        service: ServiceSettings(
            service=service,
            database_url=Secret(database.url),
            migration_url=nothing,
            amqp_url=nothing,
            master_key=KEY,
            lookup_key=KEY,
        )
    }


def sleeper() -> Any:
    service = f"sleeper_{uuid.uuid4().hex[:8]}"

    class Sleeper:
        name = service
        SLEEP = Method(service, "sleep", SleepSchema, EmptySchema)
        db: Transactions = Database()

        @rpc(SLEEP)
        def sleep(self, call: Call, *, seconds: float) -> Reply:
            return self.db.read(call, sleep, seconds=seconds)

    return Sleeper


def test_slow_query_does_not_delay_another_call_of_the_service(
    serve: Any, client: RpcClient, database: ServiceDatabase
) -> None:
    service = sleeper()
    serve(service, settings=settings_of(service.name, database))
    client.call(service.SLEEP, {"seconds": 0}, context())
    slow_took: list[float] = []

    def slow() -> None:
        started = time.monotonic()
        client.call(service.SLEEP, {"seconds": 2}, context())
        slow_took.append(time.monotonic() - started)

    thread = threading.Thread(target=slow)
    thread.start()
    time.sleep(0.2)
    started = time.monotonic()
    for _ in range(5):
        client.call(service.SLEEP, {"seconds": 0}, context())
    quick_took = time.monotonic() - started
    thread.join()

    assert quick_took < 1
    assert slow_took[0] >= 2


def test_slow_queries_run_side_by_side(
    serve: Any, client: RpcClient, database: ServiceDatabase
) -> None:
    service = sleeper()
    serve(service, settings=settings_of(service.name, database))
    started = time.monotonic()
    threads = [
        threading.Thread(
            target=lambda: client.call(service.SLEEP, {"seconds": 1}, context()),
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - started < 3


def test_database_that_is_away_makes_the_service_unavailable(
    serve: Any, client: RpcClient, database: ServiceDatabase
) -> None:
    service = sleeper()
    nowhere = ServiceDatabase("green", "postgresql+psycopg2://nobody@127.0.0.1:1/none", "", "")
    serve(service, settings=settings_of(service.name, nowhere))

    with pytest.raises(BackendUnavailable):
        client.call(service.SLEEP, {"seconds": 0}, context())


def test_event_is_applied_once_however_often_it_comes(
    serve: Any, rabbit: Rabbit, database: ServiceDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = event_type()
    consumer = f"consumer_{uuid.uuid4().hex[:8]}"
    monkeypatch.setitem(SUBSCRIPTIONS, consumer, (kind,))
    applied: list[int] = []

    def use_case(_uow: UnitOfWork, event: Envelope) -> None:
        applied.append(event.read(kind)["number"])

    class Service:
        name = consumer
        db: Transactions = Database()

        @on(kind)
        def on_thing(self, event: Envelope) -> None:
            self.db.consume(event, use_case)

    serve(Service, settings=settings_of(consumer, database))
    same, last = envelope(kind, 1), envelope(kind, 2)

    publish(rabbit.uri, kind, [same, same, same, last])
    eventually(lambda: 2 in applied)

    assert applied == [1, 2]
    eventually(lambda: waiting(rabbit.uri, consumer, kind.producer) == 0)


def test_timer_goes_on_after_an_error(serve: Any) -> None:
    turns: list[float] = []

    class Service:
        name = f"timer_{uuid.uuid4().hex[:8]}"

        @every(0.05)
        def tick(self) -> None:
            turns.append(time.monotonic())
            raise RuntimeError("this turn fails")

    serve(Service)

    eventually(lambda: len(turns) >= 3)


def test_sweep_is_done_by_one_replica_at_a_time(serve: Any, database: ServiceDatabase) -> None:
    running: list[int] = []
    most: list[int] = []

    def batch(uow: UnitOfWork) -> int:
        running.append(1)
        most.append(len(running))
        uow.connection.execute(sa.text("SELECT pg_sleep(0.1)"))
        running.pop()
        return 0

    def replica(service: str) -> Any:
        class Service:
            name = service
            db: Transactions = Database()

            @every(0.05)
            def tick(self) -> None:
                self.db.sweep("work", batch)

        return Service

    for number in range(2):
        service = replica(f"sweeper_{number}_{uuid.uuid4().hex[:8]}")
        serve(service, settings=settings_of(service.name, database))

    eventually(lambda: len(most) >= 6)
    assert set(most) == {1}


def test_query_begun_beside_is_under_way_before_its_caller_waits(database: ServiceDatabase) -> None:
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT 1"))
        begun = sa.text("SELECT statement_timestamp()")
        result = beside(lambda: connection.execute(begun).scalar_one())
        patcher.original("time").sleep(0.3)  # the caller works, and gives way to nobody
        worked_until = datetime.now(UTC)
        assert result() < worked_until
