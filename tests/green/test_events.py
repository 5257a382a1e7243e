"""Events over a real broker into a container: order, redelivery, dead letters, outages."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
import sqlalchemy.exc
import structlog

from shared.contracts.event import Envelope, EventType
from shared.errors import Busy
from shared.events import handler as events
from shared.events.handler import on
from shared.events.subscriptions import SUBSCRIPTIONS
from tests.support.events import envelope, event_type, publish, take_dead, waiting
from tests.support.rabbitmq import Rabbit
from tests.support.waiting import eventually


class Consumer:
    """What a test's service saw, and what it is to do next."""

    def __init__(self, kind: EventType) -> None:
        self.kind = kind
        self.name = f"consumer_{uuid.uuid4().hex[:8]}"
        self.seen: list[int] = []
        self.applied: list[int] = []
        self.failures: list[Exception] = []
        self.always: dict[int, Exception] = {}
        self.pause_s = 0.0
        self.bound: dict[str, Any] = {}

    def service(self) -> type:
        consumer, kind = self, self.kind

        class Service:
            name = consumer.name

            @on(kind)
            def on_thing(self, event: Envelope) -> None:
                consumer.take(event)

        return Service

    def take(self, event: Envelope) -> None:
        number = event.data["number"]
        self.seen.append(number)
        self.bound = dict(structlog.contextvars.get_contextvars())
        time.sleep(self.pause_s)
        if self.failures:
            raise self.failures.pop(0)
        if number in self.always:
            raise self.always[number]
        self.applied.append(number)


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Consumer:
    """A consumer of a producer's only event, with short pauses."""
    made = Consumer(event_type())
    monkeypatch.setitem(SUBSCRIPTIONS, made.name, (made.kind,))
    monkeypatch.setattr(events, "PAUSES_S", (0.05, 0.1, 0.2))
    monkeypatch.setattr(events, "HOLD_MOST_S", 0.2)
    return made


def database_away() -> Exception:
    return sqlalchemy.exc.OperationalError("SELECT 1", {}, Exception("server closed"))


def test_event_is_applied_with_its_request_id_bound(
    serve: Any, rabbit: Rabbit, consumer: Consumer
) -> None:
    serve(consumer.service())

    publish(rabbit.uri, consumer.kind, [envelope(consumer.kind, 7)])
    eventually(lambda: consumer.applied == [7])

    assert consumer.bound["request_id"] == "request-7"
    assert "request_id" not in structlog.contextvars.get_contextvars()
    eventually(lambda: waiting(rabbit.uri, consumer.name, consumer.kind.producer) == 0)


def test_events_of_one_subject_are_applied_in_order(
    serve: Any, rabbit: Rabbit, consumer: Consumer
) -> None:
    consumer.pause_s = 0.001
    consumer.failures = [RuntimeError("first attempt")]
    serve(consumer.service())

    publish(rabbit.uri, consumer.kind, [envelope(consumer.kind, n) for n in range(50)])
    eventually(lambda: len(consumer.applied) == 50)

    assert consumer.applied == list(range(50))


def test_poison_event_is_tried_four_times_then_dead_with_its_reason(
    serve: Any, rabbit: Rabbit, consumer: Consumer
) -> None:
    consumer.always = {1: ValueError("cannot be")}
    serve(consumer.service())

    publish(rabbit.uri, consumer.kind, [envelope(consumer.kind, n) for n in (1, 2)])
    eventually(lambda: consumer.applied == [2])
    eventually(lambda: waiting(rabbit.uri, consumer.name, consumer.kind.producer, dead=True) == 1)

    assert consumer.seen.count(1) == 4
    dead = take_dead(rabbit.uri, consumer.name, consumer.kind.producer)
    assert dead.headers["x-loyalty-reason"] == "cannot be"
    assert dead.headers["x-loyalty-error"] == "ValueError"
    assert dead.headers["x-loyalty-attempts"] == 4


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"type": "thing.happened"}'])
def test_unreadable_message_is_dead_at_once(
    serve: Any, rabbit: Rabbit, consumer: Consumer, body: bytes
) -> None:
    serve(consumer.service())

    publish(rabbit.uri, consumer.kind, [body, envelope(consumer.kind, 1)])
    eventually(lambda: consumer.applied == [1])

    eventually(lambda: waiting(rabbit.uri, consumer.name, consumer.kind.producer, dead=True) == 1)


@pytest.mark.parametrize("failure", [database_away(), Busy(), ConnectionResetError()])
def test_outage_holds_the_event_without_using_up_attempts(
    serve: Any, rabbit: Rabbit, consumer: Consumer, failure: Exception
) -> None:
    consumer.failures = [failure] * (events.ATTEMPTS * 3)
    serve(consumer.service())

    publish(rabbit.uri, consumer.kind, [envelope(consumer.kind, 1)])
    eventually(lambda: consumer.applied == [1])

    assert len(consumer.seen) == events.ATTEMPTS * 3 + 1
    assert waiting(rabbit.uri, consumer.name, consumer.kind.producer, dead=True) == 0


def test_event_held_for_long_is_queued_afresh(
    serve: Any, rabbit: Rabbit, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RENEW_AFTER_S", 0.0)
    consumer.failures = [database_away()]
    serve(consumer.service())

    publish(rabbit.uri, consumer.kind, [envelope(consumer.kind, 1)])
    eventually(lambda: consumer.applied == [1])

    eventually(lambda: waiting(rabbit.uri, consumer.name, consumer.kind.producer) == 0)
    assert consumer.seen == [1, 1]


def test_event_nobody_handles_any_more_is_dropped(
    serve: Any, rabbit: Rabbit, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = event_type("thing.unknown", producer=consumer.kind.producer)
    monkeypatch.setitem(SUBSCRIPTIONS, consumer.name, (consumer.kind, other))
    serve(consumer.service())

    publish(rabbit.uri, other, [envelope(other, 1)])
    publish(rabbit.uri, consumer.kind, [envelope(consumer.kind, 2)])
    eventually(lambda: consumer.applied == [2])

    eventually(lambda: waiting(rabbit.uri, consumer.name, consumer.kind.producer) == 0)
    assert waiting(rabbit.uri, consumer.name, consumer.kind.producer, dead=True) == 0


def test_handler_without_a_subscription_does_not_start(serve: Any, consumer: Consumer) -> None:
    SUBSCRIPTIONS.pop(consumer.name)

    with pytest.raises(LookupError, match="subscriptions"):
        serve(consumer.service())


def test_stop_leaves_what_was_not_begun_to_the_broker(
    serve: Any, rabbit: Rabbit, consumer: Consumer
) -> None:
    consumer.pause_s = 0.5
    services = serve(consumer.service())
    publish(rabbit.uri, consumer.kind, [envelope(consumer.kind, n) for n in range(5)])
    eventually(lambda: consumer.seen == [0])

    assert services.stop(drain_s=10)

    assert consumer.applied == [0]
    eventually(lambda: waiting(rabbit.uri, consumer.name, consumer.kind.producer) == 4)


def test_events_wait_in_order_while_the_consumer_is_away(
    serve: Any, rabbit: Rabbit, consumer: Consumer
) -> None:
    serve(consumer.service()).stop()
    publish(rabbit.uri, consumer.kind, [envelope(consumer.kind, n) for n in range(5)])

    serve(consumer.service())

    eventually(lambda: consumer.applied == [0, 1, 2, 3, 4])
