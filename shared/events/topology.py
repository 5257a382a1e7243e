"""Names and arguments of exchanges and queues for events, as data for kombu and pika alike.

A consuming service has one queue per producer, ``<consumer>.<producer>.events``. One per producer,
because a producer's events have an order worth keeping (``sequence`` rises per subject and
producer), while a producer whose events cannot be applied must not hold up the others. Not one per
type of event: a sale and its return would overtake each other.

Queues are quorum queues: replicated, and they count deliveries. A message delivered more than
`MAX_DELIVERIES` times without being settled goes to ``<queue>.dlq``. That count is not for messages
that cannot be applied (see `shared.events.handler`), but for one that kills the process that takes
it, and so every message the process held; it is set high enough for a few restarts in a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.events.subscriptions import SUBSCRIPTIONS

MAX_DELIVERIES = 8
Arguments = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Stream:
    """What one service hears from another."""

    consumer: str
    producer: str
    routing_keys: tuple[str, ...]

    @property
    def exchange(self) -> str:
        """Return the producer's durable topic exchange."""
        return exchange_of(self.producer)

    @property
    def queue(self) -> str:
        """Return the queue all replicas of the consumer share."""
        return f"{self.consumer}.{self.producer}.events"

    @property
    def dead_letter_queue(self) -> str:
        """Return where messages wait that could not be applied."""
        return f"{self.queue}.dlq"

    @property
    def arguments(self) -> Arguments:
        """Return the queue's arguments; a declaration with others is refused by the broker."""
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": MAX_DELIVERIES,
            # The default exchange routes to the queue of that name.
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": self.dead_letter_queue,
            # A dead letter leaves the queue only when the other one has it for certain.
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }

    @property
    def dead_letter_arguments(self) -> Arguments:
        """Return the dead-letter queue's arguments."""
        # Newer brokers drop a message that was looked at 20 times, unless told otherwise.
        return {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}


def exchange_of(producer: str) -> str:
    """Return the name of a producer's exchange."""
    return f"{producer}.events"


def streams_from(producer: str) -> list[Stream]:
    """Return who hears from ``producer``."""
    return [stream for stream in all_streams() if stream.producer == producer]


def streams_to(consumer: str) -> list[Stream]:
    """Return what ``consumer`` hears."""
    return [stream for stream in all_streams() if stream.consumer == consumer]


def stream_between(consumer: str, producer: str) -> Stream | None:
    """Return what ``consumer`` hears from ``producer``, if anything."""
    return next((s for s in streams_to(consumer) if s.producer == producer), None)


def all_streams() -> list[Stream]:
    """Return every stream there is."""
    streams = []
    for consumer, heard in SUBSCRIPTIONS.items():
        for producer in sorted({event_type.producer for event_type in heard}):
            keys = tuple(e.routing_key for e in heard if e.producer == producer)
            streams.append(Stream(consumer, producer, keys))
    return streams
