"""A stream's queues for kombu to declare."""

from __future__ import annotations

from kombu.entity import Exchange, Queue, binding

from shared.events.topology import Stream


def live_queue(stream: Stream) -> Queue:
    """Return the queue that the consumer reads, bound to the producer's exchange."""
    exchange = Exchange(stream.exchange, type="topic", durable=True)
    return Queue(
        stream.queue,
        bindings=[binding(exchange, routing_key=key) for key in stream.routing_keys],
        durable=True,
        queue_arguments=dict(stream.arguments),
    )


def dead_letter_queue(stream: Stream) -> Queue:
    """Return where messages wait that could not be applied; declare it before the live queue."""
    return Queue(
        stream.dead_letter_queue,
        durable=True,
        queue_arguments=dict(stream.dead_letter_arguments),
    )
