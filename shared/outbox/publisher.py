"""What the relay hands its events to."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from kombu.connection import Connection
from kombu.entity import Exchange

from shared.events.queues import dead_letter_queue, live_queue
from shared.events.topology import exchange_of, streams_from
from shared.messaging.connections import ConnectionFactory, open_once

CONTENT_TYPE = "application/json"
CONTENT_ENCODING = "utf-8"
PERSISTENT = 2


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One event on its way out."""

    event_id: UUID
    exchange: str
    routing_key: str
    body: bytes


class PublishFailed(Exception):
    """Some of a batch may not have reached the broker; all of it has to be published again."""


class Publisher(Protocol):
    """Takes batches of one producer's events."""

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """Return when the broker holds every event of the batch, in the queue of each subscriber.

        Raises:
            PublishFailed: that is not certain.
        """
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class KombuPublisher:
    """Publishes over kombu, for the in-process broker.

    A transport that confirms is waited for message by message, which is correct with RabbitMQ too
    but slow.
    """

    def __init__(self, connect: ConnectionFactory, producer: str) -> None:
        self._connect = connect
        self._streams = streams_from(producer)
        self._producer = producer
        self._connection: Connection | None = None

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """Publish a batch; see `Publisher`."""
        try:
            channel = self._channel()
            send = getattr(channel, "basic_publish_confirm", channel.basic_publish)
            for event in batch:
                properties = {"delivery_mode": PERSISTENT, "message_id": str(event.event_id)}
                message = channel.prepare_message(
                    event.body, 0, CONTENT_TYPE, CONTENT_ENCODING, {}, properties
                )
                send(message, exchange=event.exchange, routing_key=event.routing_key)
        except Exception as error:
            self.close()
            raise PublishFailed(repr(error)) from error

    def close(self) -> None:
        """Drop the connection; the next batch opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.release()

    def _channel(self) -> Any:
        if self._connection is None:
            connection = self._connect()
            open_once(connection)
            self._connection = connection
            self._declare(connection.default_channel)
        return self._connection.default_channel

    def _declare(self, channel: Any) -> None:
        """Make sure that every subscriber's queue is there before anything is published."""
        Exchange(exchange_of(self._producer), type="topic", durable=True)(channel).declare()
        for stream in self._streams:
            dead_letter_queue(stream)(channel).declare()
            live_queue(stream)(channel).declare()
