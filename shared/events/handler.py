"""The consuming side of events: applied once, in order, and never lost.

    @on(points_events.SALE_RECORDED)
    def on_sale_recorded(self, event: Envelope) -> None:
        self.db.consume(event, use_cases.count_sale)

A message is acknowledged after the method returned, that is after the transaction that applied it
and its inbox row was committed. Until then it belongs to the broker, and comes again.

- **Order.** Messages of one subject are applied one after another, those of different subjects side
  by side. Across replicas, redeliveries and dead letters order is not promised, so a projection
  compares ``sequence``.
- **A message that cannot be applied** is tried `ATTEMPTS` times with growing pauses, then moved to
  the dead-letter queue with the reason in its headers. The next one of its subject goes on.
- **A database that is away**, or a refusal that is marked ``retryable``, says nothing about the
  message: it is held and tried again for as long as it takes, without using up attempts.
"""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import eventlet
import psycopg2.errors
import sqlalchemy.exc
import structlog
from eventlet.event import Event
from kombu.message import Message
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import Entrypoint, ProviderCollector, SharedExtension, register_entrypoint
from prometheus_client import Counter

from shared.clock import rfc3339
from shared.contracts.event import Envelope, EventType
from shared.errors import LoyaltyError
from shared.events.queues import dead_letter_queue, live_queue
from shared.events.topology import Stream, stream_between
from shared.messaging.connections import ConnectionFactory, backoff, open_once
from shared.rpc.consumer import CONNECT, ResilientConsumer, settle

_log = structlog.get_logger(__name__)

ATTEMPTS = 4
PAUSES_S = (0.2, 1.0, 3.0)
"""Between the attempts at a message that cannot be applied."""
HOLD_MOST_S = 5.0
"""Longest pause between attempts while the database is away."""
RENEW_AFTER_S = 600.0
"""A message held for so long is queued afresh: brokers take an old delivery back after a while, and
each time counts against `shared.events.topology.MAX_DELIVERIES`."""
PREFETCH = 32
LANES = 4
"""Messages of one stream that are applied side by side."""

Handler = TypeVar("Handler", bound=Callable[..., Any])

_outcomes = Counter(
    "loyalty_events_consumed_total",
    "Attempts at events, by what became of them",
    ["consumer", "producer", "type", "outcome"],
)


def on(event_type: EventType) -> Callable[[Handler], Handler]:
    """Apply events of this type by the decorated method: ``method(self, event: Envelope)``.

    Each type may be listed for the service in `shared.events.subscriptions`, and has one method.
    """

    def decorate(handler: Handler) -> Handler:
        handler.event_type = event_type  # type: ignore[attr-defined]
        register_entrypoint(handler, _On(event_type))
        return handler

    return decorate


def is_transient(error: BaseException) -> bool:
    """Whether the failure is of the surroundings, so that the same message may succeed later."""
    if isinstance(error, LoyaltyError):
        return error.retryable
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        if isinstance(error.orig, psycopg2.errors.QueryCanceled):
            return False  # a statement that takes too long does so again
        if isinstance(error.orig, psycopg2.errors.ReadOnlySqlTransaction):
            return True  # still talking to the former primary
        return error.connection_invalidated or isinstance(
            error, (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError)
        )
    return isinstance(error, (sqlalchemy.exc.TimeoutError, OSError))


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What an attempt ended with; None is success."""

    error: Exception | None


class _EventStream(SharedExtension, ProviderCollector):  # type: ignore[misc]
    """The queue of what this service hears from one producer."""

    queue_consumer = ResilientConsumer()
    prefetch = PREFETCH

    def __init__(self, producer: str) -> None:
        self.producer = producer
        self._lanes = [_Lane(self) for _ in range(LANES)]
        self._stopping = Event()
        super().__init__()

    @property
    def sharing_key(self) -> tuple[type, str]:
        return type(self), self.producer

    def setup(self) -> None:
        service = self.container.service_name
        stream = stream_between(service, self.producer)
        listed = stream.routing_keys if stream else ()
        for provider in self._providers:
            if provider.event_type.routing_key not in listed:
                raise LookupError(
                    f"{service} handles {provider.event_type.routing_key} of {self.producer}, but"
                    " shared/events/subscriptions.py does not list it: its queue would not be bound"
                )
        assert stream is not None  # noqa: S101 - a stream exists only through its providers
        self.stream: Stream = stream
        self.queue = live_queue(stream)
        self.queue_consumer.register_provider(self)

    def declare(self, channel: Any) -> None:
        """Declare what the queue itself does not: where its dead letters go."""
        dead_letter_queue(self.stream)(channel).declare()

    def stop(self) -> None:
        if not self._stopping.ready():
            self._stopping.send()
        self.queue_consumer.unregister_provider(self)

    @property
    def stopping(self) -> bool:
        """Whether no further message may be begun."""
        return bool(self._stopping.ready())

    def pause(self, seconds: float) -> None:
        """Sleep, but not beyond a stop."""
        with eventlet.Timeout(seconds, exception=False):
            self._stopping.wait()

    def accept(self, body: Any, message: Message) -> None:
        """Queue a message behind the others of its subject; called by the consuming thread."""
        subject = str(body.get("subject")) if isinstance(body, Mapping) else ""
        self._lanes[zlib.crc32(subject.encode()) % LANES].add(body, message)

    def on_undecodable(self, message: Message) -> None:
        """Put a message aside that is no JSON."""
        self._lanes[0].add(None, message)

    def handler_of(self, routing_key: str) -> _On | None:
        """Return the entrypoint for a type of event."""
        return next((p for p in self._providers if p.event_type.routing_key == routing_key), None)

    def attempt(self, handler: _On, event: Envelope) -> Exception | None:
        """Run the service's method once, in a worker of the container."""
        done = Event()

        def ended(_worker: object, result: Any, exc_info: Any) -> tuple[Any, Any]:
            done.send(result.error if exc_info is None else exc_info[1])
            return result, None

        self.container.spawn_worker(handler, (event,), {}, handle_result=ended)
        error: Exception | None = done.wait()
        return error

    def move(self, message: Message, queue: str, headers: Mapping[str, Any]) -> None:
        """Put a copy into ``queue`` and, once the broker has it for certain, drop the original.

        Raises:
            Exception: whatever went wrong; the message is still where it was.
        """
        connect: ConnectionFactory = self.container.config[CONNECT]
        with connect() as connection:
            open_once(connection)
            channel = connection.channel()
            body = message.body.encode() if isinstance(message.body, str) else message.body
            copy = channel.prepare_message(
                body,
                0,
                message.content_type,
                message.content_encoding,
                {**message.headers, **headers},
                {"delivery_mode": 2, "message_id": message.properties.get("message_id")},
            )
            # A broker that confirms is waited for; the in-process one has it on return.
            publish = getattr(channel, "basic_publish_confirm", channel.basic_publish)
            publish(copy, exchange="", routing_key=queue, mandatory=True)
        settle(message.ack)


class _On(Entrypoint):  # type: ignore[misc]
    """One method of the service."""

    def __init__(self, event_type: EventType) -> None:
        self.event_type = event_type
        self.stream = _EventStream(event_type.producer)
        super().__init__()

    def bind(self, container: Any, method_name: str) -> _On:
        bound: _On = super().bind(container, method_name)
        # Before any setup: the stream checks in its own that each of its types is listed.
        bound.stream.register_provider(bound)
        return bound

    def stop(self) -> None:
        self.stream.stop()

    def adapt(self, handler: Callable[[Envelope], Any]) -> Callable[[Envelope], _Outcome]:
        def apply(event: Envelope) -> _Outcome:
            with structlog.contextvars.bound_contextvars(
                request_id=event.request_id or str(event.id),
                traceparent=event.traceparent,
                event_type=event.routing_key,
                event_id=str(event.id),
            ):
                try:
                    handler(event)
                except Exception as error:  # judged by the lane
                    return _Outcome(error)
                return _Outcome(None)

        return apply


class _Lane:
    """Applies the messages it is given one after another."""

    def __init__(self, stream: _EventStream) -> None:
        self._stream = stream
        self._waiting: deque[tuple[Any, Message]] = deque()
        self._running = False

    def add(self, body: Any, message: Message) -> None:
        self._waiting.append((body, message))
        if not self._running:
            self._running = True
            self._stream.container.spawn_managed_thread(self._run, identifier="events")

    def _run(self) -> None:
        with self._stream.queue_consumer.working():
            try:
                while self._waiting and not self._stream.stopping:
                    body, message = self._waiting.popleft()
                    self._settle_surely(body, message)
            except ContainerBeingKilled:
                pass  # what is not acknowledged comes again
            finally:
                self._running = False

    def _settle_surely(self, body: Any, message: Message) -> None:
        try:
            self._settle(body, message)
        except ContainerBeingKilled:
            raise
        except Exception:  # a fault of this module; the broker's own limit bounds how often
            _log.exception("event_not_settled")
            settle(message.requeue)

    def _settle(self, body: Any, message: Message) -> None:
        try:
            event = Envelope.from_wire(body)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self._bury(message, "unknown", error, attempts=1)
            return
        handler = self._stream.handler_of(event.routing_key)
        if handler is None:  # bound by another version of this service
            self._count(event.routing_key, "ignored")
            settle(message.ack)
        else:
            self._apply(handler, event, message)

    def _apply(self, handler: _On, event: Envelope, message: Message) -> None:
        failures, holding = 0, backoff(first_s=0.2, most_s=HOLD_MOST_S)
        renew_at = time.monotonic() + RENEW_AFTER_S
        while self._may_go_on(message):
            error = self._stream.attempt(handler, event)
            if error is None:
                self._count(event.routing_key, "applied")
                settle(message.ack)
                return
            if is_transient(error):
                self._hold(event, error, holding)
                if time.monotonic() > renew_at and self._renew(message):
                    return
                continue
            failures += 1
            if failures == ATTEMPTS:
                self._bury(message, event.routing_key, error, failures)
                return
            self._count(event.routing_key, "failed")
            _log.warning("event_failed", error=repr(error), attempt=failures, **_named(event))
            self._stream.pause(PAUSES_S[failures - 1])

    def _may_go_on(self, message: Message) -> bool:
        """Whether the message is still ours; without its connection another will get it."""
        return not self._stream.stopping and message.channel.connection is not None

    def _hold(self, event: Envelope, error: Exception, pauses: Iterator[float]) -> None:
        self._count(event.routing_key, "held")
        _log.warning("event_held", error=repr(error), **_named(event))
        self._stream.pause(next(pauses))

    def _renew(self, message: Message) -> bool:
        try:
            self._stream.move(message, self._stream.stream.queue, {})
        except Exception as error:
            _log.warning("event_not_renewed", error=repr(error))
            return False
        return True

    def _bury(self, message: Message, routing_key: str, error: Exception, attempts: int) -> None:
        """Move a message to the dead-letter queue, however long the broker takes to accept it."""
        headers = {
            "x-loyalty-reason": str(error)[:1000],
            "x-loyalty-error": getattr(error, "code", type(error).__name__),
            "x-loyalty-attempts": attempts,
            "x-loyalty-queue": self._stream.stream.queue,
            "x-loyalty-failed-at": rfc3339(datetime.now(UTC)),
        }
        pauses = backoff()
        while self._may_go_on(message):
            try:
                self._stream.move(message, self._stream.stream.dead_letter_queue, headers)
            except Exception as problem:
                _log.warning("event_not_buried", error=repr(problem))
                self._stream.pause(next(pauses))
            else:
                self._count(routing_key, "dead")
                _log.error(
                    "event_dead",
                    event_type=routing_key,
                    queue=self._stream.stream.dead_letter_queue,
                    exc_info=error,
                )
                return

    def _count(self, routing_key: str, outcome: str) -> None:
        stream = self._stream.stream
        _outcomes.labels(stream.consumer, stream.producer, routing_key, outcome).inc()


def _named(event: Envelope) -> dict[str, str]:
    return {"event_type": event.routing_key, "event_id": str(event.id), "subject": event.subject}
