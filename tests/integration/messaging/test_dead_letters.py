"""Listing, replaying and dropping what could not be applied."""

from __future__ import annotations

import json

import pytest
from kombu.connection import Connection

from shared.contracts.event import Envelope, EventType
from shared.events.dead_letters import DeadLetters
from shared.events.queues import dead_letter_queue, live_queue
from shared.events.topology import Stream, stream_between
from shared.rpc.wire import encode
from tests.support.events import envelope, waiting
from tests.support.rabbitmq import Rabbit
from tests.support.waiting import eventually


@pytest.fixture
def stream(rabbit: Rabbit, kind: EventType, consumer: str) -> Stream:
    """The consumer's queues, empty."""
    made = stream_between(consumer, kind.producer)
    assert made is not None
    with Connection(rabbit.uri) as connection:
        channel = connection.channel()
        dead_letter_queue(made)(channel).declare()
        live_queue(made)(channel).declare()
    return made


def bury(rabbit: Rabbit, stream: Stream, *bodies: Envelope | bytes) -> None:
    """Put messages into the dead-letter queue as the handler does."""
    options = {"confirm_publish": True}
    with Connection(rabbit.uri, transport_options=options) as connection:
        for body in bodies:
            connection.Producer().publish(
                body if isinstance(body, bytes) else encode(body.to_wire()),
                routing_key=stream.dead_letter_queue,
                content_type="application/json",
                content_encoding="utf-8",
                headers={"x-loyalty-reason": "no such member", "x-loyalty-attempts": 4},
            )


def test_list_tells_what_is_dead_and_why_and_leaves_it_there(
    rabbit: Rabbit, kind: EventType, stream: Stream
) -> None:
    event = envelope(kind, 3)
    bury(rabbit, stream, event, b"garbage")
    letters = DeadLetters(rabbit.uri, stream.consumer)

    first, second = letters.list()

    shown = json.loads(first.to_json())
    assert shown["id"] == str(event.id)
    assert shown["type"] == kind.name
    assert (shown["reason"], shown["attempts"]) == ("no such member", 4)
    assert "data" not in shown
    assert second.event == {}
    # The broker takes what was looked at back when it comes to it.
    for limit in (2, 1):
        eventually(lambda: waiting(rabbit.uri, stream.consumer, stream.producer, dead=True) == 2)
        assert len(letters.list(limit=limit)) == limit


def test_replay_gives_the_selected_back_to_their_consumer_alone(
    rabbit: Rabbit, kind: EventType, stream: Stream
) -> None:
    one, other = envelope(kind, 1), envelope(kind, 2)
    bury(rabbit, stream, one, other)

    replayed = DeadLetters(rabbit.uri, stream.consumer).replay(
        lambda letter: letter.message_id == str(one.id)
    )

    assert replayed == 1
    assert waiting(rabbit.uri, stream.consumer, stream.producer) == 1
    eventually(lambda: waiting(rabbit.uri, stream.consumer, stream.producer, dead=True) == 1)


def test_drop_deletes_the_selected(rabbit: Rabbit, kind: EventType, stream: Stream) -> None:
    bury(rabbit, stream, *(envelope(kind, n) for n in range(3)))

    dropped = DeadLetters(rabbit.uri, stream.consumer).drop(lambda _letter: True)

    assert dropped == 3
    assert waiting(rabbit.uri, stream.consumer, stream.producer) == 0
    assert waiting(rabbit.uri, stream.consumer, stream.producer, dead=True) == 0


def test_message_delivered_too_often_is_buried_by_the_broker(
    rabbit: Rabbit, kind: EventType, stream: Stream
) -> None:
    with Connection(rabbit.uri) as connection:
        queue = live_queue(stream)(connection.channel())
        connection.Producer(queue.channel).publish(
            encode(envelope(kind, 1).to_wire()),
            routing_key=stream.queue,
            content_type="application/json",
            content_encoding="utf-8",
        )
        eventually(lambda: waiting(rabbit.uri, stream.consumer, stream.producer) == 1)
        while message := queue.get():
            message.requeue()

    eventually(lambda: waiting(rabbit.uri, stream.consumer, stream.producer, dead=True) == 1)
    assert [letter.reason for letter in DeadLetters(rabbit.uri, stream.consumer).list()] == [
        "delivery_limit"
    ]
