"""Publishes to RabbitMQ with pika: whole batches in flight, confirmed together.

pika's connection lives in a thread with its own loop, so heartbeats go on while the relay waits for
its database. The relay's thread hands a batch over and waits until the broker has confirmed every
message of it: for a quorum queue that means that a majority has it on disk.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import pika
import structlog
from pika.adapters.select_connection import IOLoop, SelectConnection

from shared.events.topology import exchange_of, streams_from
from shared.messaging.pika_parameters import pika_parameters
from shared.outbox.publisher import (
    CONTENT_ENCODING,
    CONTENT_TYPE,
    PERSISTENT,
    Outgoing,
    PublishFailed,
)

_log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 5.0
CONFIRM_TIMEOUT_S = 20.0


class PikaPublisher:
    """Publishes the events of ``producer``; connects at the first batch and after each failure."""

    def __init__(self, amqp_uri: str, producer: str) -> None:
        self._amqp_uri = amqp_uri
        self._producer = producer
        self._session: _Session | None = None

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """Publish a batch and wait for its confirms; see `shared.outbox.publisher.Publisher`."""
        try:
            if self._session is None:
                self._session = _Session(self._amqp_uri, self._producer)
                self._session.opened.result(CONNECT_TIMEOUT_S)
            self._session.publish(batch).result(CONFIRM_TIMEOUT_S)
        except Exception as error:  # a timeout, or whatever ended the session
            self.close()
            raise PublishFailed(str(error) or repr(error)) from error

    def close(self) -> None:
        """Drop the connection; the next batch opens another."""
        session, self._session = self._session, None
        if session is not None:
            session.close()


class _Session:
    """One connection with its channel and the thread they live in.

    All but ``__init__``, ``publish`` and ``close`` runs in that thread, so nothing needs a lock.
    """

    def __init__(self, amqp_uri: str, producer: str) -> None:
        self.opened: Future[None] = Future()
        self._producer = producer
        self._subscribed = {key for s in streams_from(producer) for key in s.routing_keys}
        self._loop = IOLoop()
        self._connection: SelectConnection | None = None
        self._channel: Any = None
        self._next_tag = 1
        self._unconfirmed: set[int] = set()
        self._batch: Future[None] | None = None
        self._problem: str | None = None
        self._ended = False
        parameters = pika_parameters(amqp_uri)
        self._thread = threading.Thread(
            target=self._run, args=(parameters,), name="outbox-publisher", daemon=True
        )
        self._thread.start()

    def publish(self, batch: Sequence[Outgoing]) -> Future[None]:
        """Send a batch; the future is done when all of it is confirmed."""
        done: Future[None] = Future()
        self._soon(lambda: self._send(batch, done))
        if not self._thread.is_alive():
            _fail(done, "the connection to the broker ended")
        return done

    def close(self) -> None:
        """End the connection without waiting for a broker that may be gone."""
        self._soon(lambda: self._end("closed"))
        self._thread.join(timeout=2)

    def _run(self, parameters: Sequence[pika.URLParameters]) -> None:
        try:
            SelectConnection.create_connection(parameters, self._connected, self._loop)
            self._loop.start()
        except Exception as error:
            _log.warning("publisher_failed", error=repr(error))
            self._end(repr(error))
        finally:
            self._end("the connection to the broker ended")
            with contextlib.suppress(Exception):
                self._loop.close()

    def _soon(self, act: Callable[[], None]) -> None:
        with contextlib.suppress(Exception):  # a loop that has ended takes nothing
            self._loop.add_callback_threadsafe(act)

    def _connected(self, outcome: SelectConnection | BaseException) -> None:
        if isinstance(outcome, BaseException):
            self._end(f"the broker does not answer: {outcome!r}")
        elif self._ended:
            outcome.close()
        else:
            self._connection = outcome
            outcome.add_on_close_callback(lambda _connection, reason: self._end(repr(reason)))
            outcome.channel(on_open_callback=self._channel_open)

    def _channel_open(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(lambda _channel, reason: self._end(repr(reason)))
        channel.add_on_return_callback(self._returned)
        channel.confirm_delivery(self._confirmed)
        channel.exchange_declare(exchange_of(self._producer), "topic", durable=True)
        for stream in streams_from(self._producer):
            dead, live = stream.dead_letter_queue, stream.queue
            channel.queue_declare(dead, durable=True, arguments=dict(stream.dead_letter_arguments))
            channel.queue_declare(live, durable=True, arguments=dict(stream.arguments))
            for key in stream.routing_keys:
                channel.queue_bind(live, stream.exchange, key)
        # The broker answers in order: with the last answer all of the above is done.
        channel.basic_qos(prefetch_count=1, callback=lambda _frame: self.opened.set_result(None))

    def _send(self, batch: Sequence[Outgoing], done: Future[None]) -> None:
        if self._ended or self._channel is None:
            _fail(done, "the connection to the broker ended")
            return
        self._batch, self._problem = done, None
        for event in batch:
            self._unconfirmed.add(self._next_tag)
            self._next_tag += 1
            self._channel.basic_publish(
                event.exchange,
                event.routing_key,
                event.body,
                pika.BasicProperties(
                    content_type=CONTENT_TYPE,
                    content_encoding=CONTENT_ENCODING,
                    delivery_mode=PERSISTENT,
                    message_id=str(event.event_id),
                ),
                # An event nobody is listed for has no queue; one that somebody needs must have.
                mandatory=event.routing_key in self._subscribed,
            )

    def _returned(self, _channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        self._problem = f"the broker has no queue for {method.routing_key}"

    def _confirmed(self, frame: Any) -> None:
        tag, multiple = frame.method.delivery_tag, frame.method.multiple
        if isinstance(frame.method, pika.spec.Basic.Nack):
            self._problem = "the broker refused a message"
        settled = {t for t in self._unconfirmed if t <= tag} if multiple else {tag}
        self._unconfirmed -= settled
        if self._unconfirmed or self._batch is None:
            return
        done, self._batch = self._batch, None
        if self._problem is None:
            done.set_result(None)
        else:
            _fail(done, self._problem)

    def _end(self, reason: str) -> None:
        if self._ended:
            return
        self._ended = True
        _fail(self.opened, reason)
        if self._batch is not None:
            _fail(self._batch, reason)
        if self._connection is not None and self._connection.is_open:
            with contextlib.suppress(Exception):
                self._connection.close()
        self._loop.stop()


def _fail(future: Future[None], reason: str) -> None:
    if not future.done():
        future.set_exception(PublishFailed(reason))
