"""One live connection of the RPC client: calls go out, answers find the thread that waits.

py-amqp is not safe to use from several threads at once, so everything that touches the connection
holds one lock. The serving thread waits for the socket outside of it, and takes it only when there
is something to read. A transport without a socket (in-process) is safe by itself and just drained.
"""

from __future__ import annotations

import contextlib
import itertools
import selectors
import threading
import uuid
from concurrent.futures import Future
from typing import Any

import structlog
from kombu.connection import Connection
from kombu.message import Message
from kombu.messaging import Consumer

from shared.messaging.connections import open_once, publish_without_reading
from shared.rpc.wire import (
    CONTENT_ENCODING,
    CONTENT_TYPE,
    RPC_EXCHANGE,
    decode,
    reply_queue,
)

_log = structlog.get_logger(__name__)

_TICK_S = 1.0
"""How often heartbeats are looked after."""


class Answer(Future[dict[str, Any]]):
    """What a call waits on; ``number`` is its correlation id."""

    def __init__(self, number: str) -> None:
        super().__init__()
        self.number = number


class LinkLost(Exception):
    """The connection ended, or the call could not be delivered; ``detail`` is for people."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Link:
    """A connection with its reply queue and the calls that wait on it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._io = threading.Lock()
        self._waiting: dict[str, Answer] = {}
        self._lost: str | None = None
        self._blocked = False
        self._numbers = itertools.count()
        self._reply_to = str(uuid.uuid4())
        self._requests = connection.channel()
        self._replies = connection.channel()

    @classmethod
    def open(cls, connection: Connection) -> Link:
        """Connect and consume answers; raises whatever the transport raises."""
        try:
            open_once(connection)
            publish_without_reading(connection)
            link = cls(connection)
            link._start()
        except BaseException:
            _drop(connection)
            raise
        return link

    def _start(self) -> None:
        if hasattr(self._requests, "events"):  # RabbitMQ tells of calls that it cannot route
            self._requests.events["basic_return"].add(self._on_return)
            self._connection.connection.on_blocked = self._on_blocked
            self._connection.connection.on_unblocked = self._on_unblocked
        self._consumer = Consumer(
            self._replies,
            queues=[reply_queue(self._reply_to)],
            on_message=self._on_reply,
            no_ack=True,
        )
        RPC_EXCHANGE(self._requests).declare()
        self._consumer.consume()

    def send(self, routing_key: str, body: bytes, *, expires_s: float) -> Answer:
        """Publish a call; the answer, or `LinkLost`, arrives in the returned future."""
        number = f"{self._reply_to}.{next(self._numbers)}"
        answer = self._waiting[number] = Answer(number)
        if self._blocked:
            self._fail(number, "The message broker is out of resources.")
            return answer
        if self._lost is not None:  # looked at after registering, so that no call slips through
            self._fail(number, self._lost)
            return answer
        if not self._io.acquire(timeout=expires_s):
            self._fail(number, "The message broker takes no more calls at present.")
            return answer
        try:
            self._publish(routing_key, body, number, expires_s)
        except Exception as error:
            # A frame may have been written in part: nothing can be sent after it.
            self._give_up(repr(error))
        finally:
            self._io.release()
        return answer

    def forget(self, answer: Answer) -> None:
        """Stop waiting for an answer; it is dropped should it still come."""
        self._waiting.pop(answer.number, None)

    def serve(self, closed: threading.Event) -> None:
        """Hand out answers until ``closed`` is set; raises when the connection is lost."""
        if self._connection.transport.driver_type == "amqp":
            self._serve_socket(closed)
        else:
            while not closed.is_set():
                with contextlib.suppress(TimeoutError):
                    self._connection.drain_events(timeout=_TICK_S)

    def close(self) -> None:
        """Fail every call that still waits, and drop the connection."""
        self._give_up("The connection to the message broker was lost.")
        with self._io:
            _drop(self._connection)

    def _serve_socket(self, closed: threading.Event) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection.connection.sock, selectors.EVENT_READ)
            while not closed.is_set():
                selector.select(_TICK_S)
                with self._io:
                    self._drain()
                    self._connection.heartbeat_check()
                if self._lost is not None:
                    raise LinkLost(self._lost)

    def _drain(self) -> None:
        """Read all that has arrived."""
        transport = self._connection.connection.transport
        # Set once around the loop, or py-amqp sets and resets it around every frame.
        with contextlib.suppress(TimeoutError), transport.having_timeout(0):
            while True:
                self._connection.drain_events(timeout=0)

    def _publish(self, routing_key: str, body: bytes, number: str, expires_s: float) -> None:
        message = self._requests.prepare_message(
            body,
            0,
            CONTENT_TYPE,
            CONTENT_ENCODING,
            {},
            {
                "reply_to": self._reply_to,
                "correlation_id": number,
                # A call nobody took in time must not run later; not durable for the same reason.
                "expiration": str(int(expires_s * 1000)),
                "delivery_mode": 1,
            },
        )
        self._requests.basic_publish(
            message, exchange=RPC_EXCHANGE.name, routing_key=routing_key, mandatory=True
        )

    def _on_reply(self, message: Message) -> None:
        answer = self._waiting.pop(str(message.properties.get("correlation_id")), None)
        if answer is None:
            return  # came too late
        try:
            answer.set_result(decode(message.body))
        except ValueError:
            _log.exception("rpc_answer_unreadable")
            answer.set_exception(LinkLost("The service's answer could not be read."))

    def _on_return(self, _error: object, _exchange: str, routing_key: str, message: Any) -> None:
        service = routing_key.partition(".")[0]
        self._fail(message.properties["correlation_id"], f"{service} is not running.")

    def _on_blocked(self, reason: str) -> None:
        _log.warning("broker_blocks_publishers", reason=reason)
        self._blocked = True

    def _on_unblocked(self) -> None:
        self._blocked = False

    def _give_up(self, reason: str) -> None:
        self._lost = self._lost or reason
        for number in list(self._waiting):
            self._fail(number, "The connection to the message broker was lost.")

    def _fail(self, number: str, detail: str) -> None:
        answer = self._waiting.pop(number, None)
        if answer is not None:
            answer.set_exception(LinkLost(detail))


def _drop(connection: Connection) -> None:
    """Close without talking to a peer that may be gone; a socket's end tells the broker enough."""
    with contextlib.suppress(Exception):
        connection.collect()
