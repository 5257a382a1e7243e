"""Consumers outlive their broker: events wait, calls come back, a stop never hangs."""

from __future__ import annotations

import time
import uuid
from typing import Any

import eventlet
import pytest

from shared.contracts.event import Envelope
from shared.errors.backend import BackendTimeout, BackendUnavailable
from shared.events.handler import on
from shared.events.subscriptions import SUBSCRIPTIONS
from shared.rpc.client import RpcClient
from shared.rpc.runner import Services
from tests.support.echo import context, echo_service
from tests.support.events import envelope, event_type, publish
from tests.support.rabbitmq import Rabbit, free_port
from tests.support.waiting import eventually


@pytest.mark.timeout(300)
def test_events_survive_a_broker_that_is_killed_and_restarted(
    own_rabbit: Rabbit, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = event_type()
    consumer = f"consumer_{uuid.uuid4().hex[:8]}"
    monkeypatch.setitem(SUBSCRIPTIONS, consumer, (kind,))
    applied: list[int] = []

    class Service:
        name = consumer

        @on(kind)
        def on_thing(self, event: Envelope) -> None:
            time.sleep(0.01)
            applied.append(event.data["number"])

    services = serve(Service, uri=own_rabbit.uri)
    # RabbitMQ 3.10 writes the names of new quorum queues to disk with a delay of 3 s, and one that
    # is killed before cannot find the queue's log again.
    time.sleep(4)
    publish(own_rabbit.uri, kind, [envelope(kind, n) for n in range(100)])
    eventually(lambda: len(applied) > 20)

    own_rabbit.kill()
    eventually(lambda: not services.ready)
    own_rabbit.start()

    eventually(lambda: set(applied) == set(range(100)))
    publish(own_rabbit.uri, kind, [envelope(kind, 100)])
    eventually(lambda: 100 in applied)


@pytest.mark.timeout(300)
def test_call_under_way_when_the_broker_dies_does_not_end_the_service(
    own_rabbit: Rabbit, serve: Any
) -> None:
    echo = echo_service()
    serve(echo, uri=own_rabbit.uri)
    client = RpcClient(own_rabbit.uri)
    outcome: list[Exception] = []

    def call() -> None:
        try:
            client.call(echo.ECHO, {"pause_s": 2}, context())
        except Exception as error:
            outcome.append(error)

    calling = eventlet.spawn(call)
    eventually(lambda: echo.served)
    own_rabbit.kill()
    calling.wait()
    time.sleep(2)  # the handler ends, and has nobody to answer to
    own_rabbit.start()

    assert isinstance(outcome[0], BackendUnavailable)
    eventually(lambda: succeeds(client, echo))
    client.close()


def succeeds(client: RpcClient, echo: Any) -> bool:
    try:
        client.call(echo.ECHO, {}, context())
    except (BackendUnavailable, BackendTimeout):
        return False
    return True


@pytest.mark.timeout(300)
def test_services_start_as_soon_as_the_broker_is_there(own_rabbit: Rabbit) -> None:
    own_rabbit.stop()
    services = Services([echo_service()], own_rabbit.uri)
    starting = eventlet.spawn(services.start)
    time.sleep(1)
    assert not services.ready

    own_rabbit.start()

    eventually(lambda: services.ready)
    starting.wait()
    assert services.stop(drain_s=10)


@pytest.mark.timeout(300)
def test_stop_while_the_broker_is_away_ends_in_time(own_rabbit: Rabbit) -> None:
    services = Services([echo_service()], own_rabbit.uri)
    services.start()
    own_rabbit.kill()
    eventually(lambda: not services.ready)
    started = time.monotonic()

    assert services.stop(drain_s=10)

    assert time.monotonic() - started < 5


def test_stop_before_the_broker_was_ever_there_ends_in_time() -> None:
    services = Services([echo_service()], f"amqp://127.0.0.1:{free_port()}//")
    eventlet.spawn(services.start)
    time.sleep(0.5)
    started = time.monotonic()

    assert services.stop(drain_s=10)

    assert time.monotonic() - started < 5
