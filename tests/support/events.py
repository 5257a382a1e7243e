"""Events of services that exist only in tests."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from amqp.exceptions import NotFound
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from marshmallow import fields

from shared.contracts.base import EventSchema
from shared.contracts.event import Envelope, EventType
from shared.events.topology import stream_between
from shared.rpc.wire import encode


class NumberData(EventSchema):
    """Something to count."""

    number = fields.Integer(required=True)


def event_type(name: str = "thing.happened", *, producer: str | None = None) -> EventType:
    """Return a type of event of a producer nobody else uses."""
    return EventType(name, 1, producer or f"producer_{uuid.uuid4().hex[:8]}", NumberData)


def envelope(kind: EventType, number: int = 0, *, subject: str = "subject") -> Envelope:
    """Return an event as the relay would publish it."""
    now = datetime.now(UTC)
    return Envelope(
        id=uuid.uuid4(),
        type=kind.name,
        version=kind.version,
        occurred_at=now,
        recorded_at=now,
        producer=kind.producer,
        subject=subject,
        sequence=number,
        data={"number": number},
        request_id=f"request-{number}",
    )


def publish(uri: str, kind: EventType, events: Iterable[Envelope | bytes]) -> None:
    """Publish events, or bytes that are none, and wait until the broker has them."""
    with Connection(uri, transport_options={"confirm_publish": True}) as connection:
        channel = connection.channel()
        Exchange(kind.exchange, type="topic", durable=True)(channel).declare()
        producer = connection.Producer(channel, auto_declare=False)
        for event in events:
            producer.publish(
                event if isinstance(event, bytes) else encode(event.to_wire()),
                exchange=kind.exchange,
                routing_key=kind.routing_key,
                content_type="application/json",
                content_encoding="utf-8",
            )


def waiting(uri: str, consumer: str, producer: str, *, dead: bool = False) -> int:
    """Return how many messages are ready in a consumer's queue, or in its dead-letter queue."""
    stream = stream_between(consumer, producer)
    assert stream is not None
    with Connection(uri) as connection:
        name = stream.dead_letter_queue if dead else stream.queue
        try:
            declared = Queue(name, channel=connection.channel()).queue_declare(passive=True)
        except NotFound:
            return 0
        count: int = declared.message_count
        return count


def take_dead(uri: str, consumer: str, producer: str) -> Any:
    """Take one message out of a dead-letter queue, or None."""
    stream = stream_between(consumer, producer)
    assert stream is not None
    with Connection(uri) as connection:
        queue = Queue(stream.dead_letter_queue, channel=connection.channel())
        return queue.get(no_ack=True)
