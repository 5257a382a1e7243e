"""Looking after dead letters: what could not be applied, why, and another try.

A replayed message goes back to the queue it came from, not to the exchange: other consumers have
applied it already.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from shared.events.topology import Stream, streams_to
from shared.messaging.pika_parameters import pika_parameters

LIST_AT_MOST = 1_000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message, as far as it can be read."""

    queue: str
    message_id: str
    event: dict[str, Any]
    """The envelope; empty where the message is none."""
    reason: str
    attempts: int | None
    failed_at: str | None

    def to_json(self) -> str:
        """Return one line for the terminal; the event's data stay out of it."""
        shown = ("type", "version", "subject", "sequence", "occurred_at", "request_id")
        return json.dumps(
            {
                "id": self.message_id,
                "queue": self.queue,
                **{name: self.event.get(name) for name in shown},
                "reason": self.reason,
                "attempts": self.attempts,
                "failed_at": self.failed_at,
            },
            ensure_ascii=False,
        )


Selected = Callable[[DeadLetter], bool]


class DeadLetters:
    """The dead-letter queues of one consuming service."""

    def __init__(self, amqp_uri: str, consumer: str) -> None:
        self._amqp_uri = amqp_uri
        self._streams = streams_to(consumer)

    def list(self, limit: int = LIST_AT_MOST) -> list[DeadLetter]:
        """Return up to ``limit`` letters per queue; they stay where they are."""
        found: list[DeadLetter] = []
        with self._channel() as channel:
            for stream in self._streams:
                found.extend(letter for letter, _ in _each(channel, stream, limit))
        return found

    def replay(self, selected: Selected) -> int:
        """Give the selected letters back to their consumer; return how many."""

        def again(channel: BlockingChannel, stream: Stream, message: _Message) -> None:
            channel.basic_publish("", stream.queue, message.body, message.properties, True)

        return self._settle(selected, again)

    def drop(self, selected: Selected) -> int:
        """Delete the selected letters for good; return how many."""
        return self._settle(selected, lambda _channel, _stream, _message: None)

    def _settle(
        self, selected: Selected, act: Callable[[BlockingChannel, Stream, _Message], None]
    ) -> int:
        done = 0
        with self._channel() as channel:
            # Publishing raises unless the broker confirms, so a letter is never in no queue.
            channel.confirm_delivery()
            for stream in self._streams:
                for letter, message in _each(channel, stream, None):
                    if selected(letter):
                        act(channel, stream, message)
                        channel.basic_ack(message.delivery_tag)
                        done += 1
        return done

    @contextlib.contextmanager
    def _channel(self) -> Iterator[BlockingChannel]:
        """Open a channel; what was taken and not acknowledged goes back when it closes."""
        connection = pika.BlockingConnection(pika_parameters(self._amqp_uri))
        try:
            yield connection.channel()
        finally:
            with contextlib.suppress(pika.exceptions.AMQPError):
                connection.close()


@dataclass(frozen=True, slots=True)
class _Message:
    delivery_tag: int
    properties: pika.BasicProperties
    body: bytes


def _each(
    channel: BlockingChannel, stream: Stream, limit: int | None
) -> Iterable[tuple[DeadLetter, _Message]]:
    """Take the letters that are in the queue now, one by one."""
    queue = stream.dead_letter_queue
    declared = channel.queue_declare(
        queue, durable=True, arguments=dict(stream.dead_letter_arguments)
    )
    there: int = declared.method.message_count
    for _ in range(there if limit is None else min(there, limit)):
        method, properties, body = channel.basic_get(queue)
        if method is None:
            return
        letter = _read(stream.queue, properties, body)
        yield letter, _Message(method.delivery_tag, properties, body)


def _read(queue: str, properties: pika.BasicProperties, body: bytes) -> DeadLetter:
    headers = properties.headers or {}
    try:
        event = json.loads(body)
    except ValueError:
        event = {}
    event = event if isinstance(event, dict) else {}
    # The broker itself buries what killed its consumers, and says so in its own header.
    deaths = headers.get("x-death") or [{}]
    return DeadLetter(
        queue=queue,
        message_id=str(event.get("id") or properties.message_id or ""),
        event=event,
        reason=str(headers.get("x-loyalty-reason") or deaths[0].get("reason", "unknown")),
        attempts=headers.get("x-loyalty-attempts"),
        failed_at=headers.get("x-loyalty-failed-at"),
    )
