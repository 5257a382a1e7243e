"""nameko's consuming side, made to outlive its broker.

nameko 2.14 gives up, hangs or stops its whole container in several cases that are normal in the
life of a broker. Each override below mends one of them:

- a reply or an acknowledgement on a lost connection killed the whole container;
- reconnecting paused for up to 30 s;
- stopping or killing while there was no connection waited for ever;
- bodies were decoded by kombu's JSON, which gives a meaning to ``{"__type__": …}``;
- stopping closed the connection before the last workers could answer, so their calls ran again;
- replies went over a pool of connections without heartbeats.

Everything known about nameko's internals is in this module, `shared.rpc.server`,
`shared.rpc.runner` and `shared.events.handler`.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import eventlet
import structlog
from eventlet.event import Event
from kombu.connection import Connection
from kombu.message import Message
from kombu.messaging import Consumer
from nameko.containers import ServiceContainer, WorkerContext
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import ProviderCollector
from nameko.messaging import QueueConsumer, QueueConsumerStopped

from shared.messaging.connections import (
    ConnectionFactory,
    backoff,
    failures,
    open_once,
    publish_without_reading,
)
from shared.rpc.wire import CONTENT_ENCODING, CONTENT_TYPE, RPC_EXCHANGE, decode, encode

_log = structlog.get_logger(__name__)

CONNECT = "connect"
"""Key of the container's configuration that holds the `ConnectionFactory`."""

_SET_UP_S = 15
_TICK_S = 0.5
"""How often the consuming thread looks after heartbeats and after those who want to leave."""


class Container(ServiceContainer):  # type: ignore[misc]
    """A container whose entrypoints may wrap the method they call.

    nameko calls the service's method with the message's arguments and logs what it raises. Ours
    takes a context and a payload apart first and turns errors into answers; the method in the class
    stays what the author wrote, so a test can call it.
    """

    def _inject_dependencies(self, worker_ctx: WorkerContext) -> None:
        super()._inject_dependencies(worker_ctx)
        adapt: Callable[[Callable[..., Any]], Callable[..., Any]] | None = getattr(
            worker_ctx.entrypoint, "adapt", None
        )
        if adapt is not None:
            name = worker_ctx.entrypoint.method_name
            setattr(worker_ctx.service, name, adapt(getattr(worker_ctx.service, name)))


class ResilientConsumer(QueueConsumer):  # type: ignore[misc]
    """One connection per container that comes back by itself and can always be stopped.

    A provider has a ``queue`` and ``handle_message(body, message)``, called in a thread of its own;
    or ``accept(body, message)``, called in the consuming thread and so in order. It may bound what
    it is given at a time by ``prefetch`` (default: the container's workers), ``declare`` more than
    its queue, and say by ``on_undecodable`` what becomes of a message that is no JSON (default: it
    is rejected).
    """

    _connected = False
    _receiving = 0

    @property
    def connected(self) -> bool:
        """Whether messages can arrive now."""
        return self._connected

    @property
    def amqp_uri(self) -> str:
        """Return nothing of use: nameko only asks for it to log it, and it holds the password."""
        return ""

    @property
    def connection(self) -> Connection:
        """Return an unconnected connection: kombu asks it for its classes of errors."""
        factory: ConnectionFactory = self.container.config[CONNECT]
        return factory()

    def run(self, **_options: object) -> None:
        """Consume until asked to stop, reconnecting with short pauses."""
        pauses = backoff()
        while self._providers and not self.should_stop:
            connection = self.connection
            try:
                # A green socket knows no timeout of its own while it waits for an answer.
                with eventlet.Timeout(_SET_UP_S, TimeoutError("the broker does not answer")):
                    self._set_up(connection)
                pauses = backoff()
                self._consume_from(connection)
            except failures(connection) as error:
                _log.warning("broker_connection_lost", error=repr(error))
            finally:
                self._connected = False
                _drop(connection)
            self._pause(next(pauses))

    def _set_up(self, connection: Connection) -> None:
        open_once(connection)
        publish_without_reading(connection)
        channel = connection.channel()
        consumers = self.get_consumers(functools.partial(Consumer, channel), channel)
        for consumer in consumers:
            consumer.consume()
        self._connected = True
        self.on_consume_ready(connection, channel, consumers)
        _log.info("broker_connected", service=self.container.service_name)

    def _consume_from(self, connection: Connection) -> None:
        while not self.should_stop:
            self.on_iteration()
            with contextlib.suppress(TimeoutError):
                connection.drain_events(timeout=_TICK_S)
            connection.heartbeat_check()

    def on_iteration(self) -> None:
        """Take off who wants to leave; hold the connection until the last worker has answered."""
        self._take_off(cancel=True)
        if not self._consumers and not self._busy():
            self.should_stop = True

    def _busy(self) -> bool:
        return self._receiving > 0 or self.container._worker_pool.running() > 0

    def _pause(self, seconds: float) -> None:
        """Sleep in steps, so that a stop need not wait for the end of a pause."""
        while seconds > 0 and not self.should_stop:
            eventlet.sleep(min(seconds, 0.1))
            seconds -= 0.1
            self._take_off(cancel=False)

    def _take_off(self, *, cancel: bool) -> None:
        """Let go of providers that want to leave; without a connection nothing is cancelled."""
        pending: dict[Any, Event] = self._pending_remove_providers
        self._pending_remove_providers: dict[Any, Event] = {}
        for provider, removed in pending.items():
            consumer = self._consumers.pop(provider, None)
            if cancel and consumer is not None:
                settle(consumer.cancel)
            removed.send()

    def get_consumers(self, consumer_cls: Any, channel: Any) -> list[Consumer]:
        """Make one consumer per provider, each with its own bound on messages in flight."""
        self._consumers = {}
        for provider in self._providers:
            declare = getattr(provider, "declare", None)
            if declare is not None:
                declare(channel)
            consumer = consumer_cls(
                queues=[provider.queue], on_message=functools.partial(self._receive, provider)
            )
            consumer.qos(prefetch_count=getattr(provider, "prefetch", self.prefetch_count))
            self._consumers[provider] = consumer
        return list(self._consumers.values())

    def _receive(self, provider: Any, message: Message) -> None:
        try:
            body = decode(message.body)
        except ValueError:
            _log.exception("message_undecodable", queue=provider.queue.name)
            getattr(provider, "on_undecodable", reject)(message)
            return
        accept = getattr(provider, "accept", None)
        if accept is not None:
            accept(body, message)
        else:
            self.handle_message(provider, body, message)

    def handle_message(self, provider: Any, body: Any, message: Message) -> None:
        """Hand the message to its provider in a thread of its own."""

        def handle() -> None:
            # A message that cannot be started goes back to the queue with the connection.
            with self.working(), contextlib.suppress(ContainerBeingKilled):
                provider.handle_message(body, message)

        self.container.spawn_managed_thread(handle, identifier=f"receive {provider.queue.name}")

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Keep the connection for as long as the block runs, also when asked to stop."""
        self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1

    def stop(self) -> None:
        """Stop consuming; while there never was a connection there is nothing to wait for."""
        if self._consumers_ready.ready():
            super().stop()
        else:
            self.kill()

    def kill(self) -> None:
        """Stop at once, whatever the connection does."""
        self.should_stop = True
        self._providers: set[Any] = set()
        if not self._last_provider_unregistered.ready():
            self._last_provider_unregistered.send()
        if self._gt is not None and not self._gt.dead:
            self._gt.kill()
        if not self._consumers_ready.ready():
            self._consumers_ready.send_exception(QueueConsumerStopped())

    def unregister_provider(self, provider: Any) -> None:
        """Take a provider off; waits for the consuming thread to do it."""
        if provider not in self._providers:
            return
        if self._gt is None or self._gt.dead or not self._consumers_ready.ready():
            self._providers.discard(provider)
            if not self._providers and not self._last_provider_unregistered.ready():
                self._last_provider_unregistered.send()
            return
        # Several may ask on behalf of one provider, and all of them wait for the same.
        leaving = self._pending_remove_providers.setdefault(provider, Event())
        leaving.wait()
        ProviderCollector.unregister_provider(self, provider)

    def ack_message(self, message: Message) -> None:
        """Acknowledge; a message whose connection is gone comes again anyway."""
        settle(message.ack)

    def requeue_message(self, message: Message) -> None:
        """Put the message back for another consumer."""
        settle(message.requeue)


def settle(act: Callable[[], None]) -> bool:
    """Acknowledge, reject or answer; return False where the connection is gone.

    Nothing is lost by that: an unacknowledged message is delivered again, and whoever waited for
    the answer has been told that the connection broke, or runs into its timeout.
    """
    try:
        act()
    except Exception as error:  # py-amqp shows a lost connection in many ways
        _log.info("message_not_settled", error=repr(error))
        return False
    return True


def reject(message: Message) -> None:
    """Refuse a message for good."""
    settle(message.reject)


def reply(message: Message, answer: dict[str, Any]) -> None:
    """Answer a call over the connection that it came from, so that its heartbeats cover both."""
    routing_key = message.properties.get("reply_to")
    if not routing_key:
        return
    channel = message.channel
    packed = channel.prepare_message(
        encode(answer),
        0,
        CONTENT_TYPE,
        CONTENT_ENCODING,
        {},
        {"correlation_id": message.properties.get("correlation_id"), "delivery_mode": 1},
    )
    channel.basic_publish(packed, exchange=RPC_EXCHANGE.name, routing_key=routing_key)


def _drop(connection: Connection) -> None:
    with contextlib.suppress(Exception):
        connection.collect()
