"""The in-process broker as a kombu transport, reached by ``inproc://<name>``.

Each name is a broker of its own. Importing this module makes kombu, and so nameko, know the scheme.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from amqp.exceptions import error_for_code
from amqp.protocol import queue_declare_ok_t
from kombu.exceptions import ChannelError
from kombu.message import Message
from kombu.transport import TRANSPORT_ALIASES, base

from standalone.broker import Broker, BrokerError, Letter, Subscription

SCHEME = "inproc"
BASIC_PUBLISH = (60, 40)
BASIC_RETURN_CODE = 312
MS = 1000

_brokers: dict[str, Broker] = defaultdict(Broker)


def broker(name: str = "localhost") -> Broker:
    """Return the broker behind ``inproc://<name>``; ``inproc://`` is that of ``localhost``."""
    return _brokers[name]


def forget_broker(name: str) -> None:
    """Drop a broker with all it holds, for tests."""
    _brokers.pop(name, None)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that a channel's consumer has and has not settled."""

    queue: str
    letter: Letter
    subscription: Subscription | None


class Channel(base.StdChannel):
    """The AMQP operations kombu calls, on an in-process broker."""

    def __init__(self, transport: Transport) -> None:
        self.connection: Transport | None = transport
        self.events: dict[str, set[Callable[..., None]]] = defaultdict(set)
        self.closed = False
        self._broker = transport.broker
        self._subscriptions: dict[str, Subscription] = {}
        self._callbacks: dict[str, Callable[[Message], None]] = {}
        self._unsettled: dict[int, Delivery] = {}
        self._numbers = itertools.count(1)
        self._exclusive: list[str] = []
        self._prefetch = 0

    # Names and signatures below are kombu's and py-amqp's.

    def exchange_declare(
        self, exchange: str = "", type: str = "direct", passive: bool = False, **_: Any
    ) -> None:
        """Declare an exchange; all of them live as long as the process."""
        with _AmqpErrors():
            self._broker.declare_exchange(exchange, type, passive=passive)

    def exchange_delete(self, exchange: str, **_: Any) -> None:
        """Delete an exchange."""
        self._broker.delete_exchange(exchange)

    def queue_declare(
        self,
        queue: str = "",
        passive: bool = False,
        exclusive: bool = False,
        auto_delete: bool = False,
        arguments: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> queue_declare_ok_t:
        """Declare a queue; an exclusive one goes with this channel."""
        name = queue or f"amq.gen-{time.monotonic_ns()}-{next(self._numbers)}"
        with _AmqpErrors():
            made = self._broker.declare_queue(
                name, arguments, passive=passive, auto_delete=auto_delete
            )
        if exclusive:
            self._exclusive.append(name)
        return queue_declare_ok_t(name, len(made.letters), len(made.subscriptions))

    def prepare_queue_arguments(self, arguments: Any, **options: Any) -> Any:
        """Translate kombu's options into RabbitMQ's arguments, as its own transport does."""
        return base.to_rabbitmq_queue_arguments(arguments or {}, **options)

    def queue_delete(self, queue: str, **_: Any) -> int:
        """Delete a queue."""
        return self._broker.delete_queue(queue)

    def queue_purge(self, queue: str, **_: Any) -> int:
        """Drop what waits in a queue."""
        with _AmqpErrors():
            return self._broker.purge_queue(queue)

    def queue_bind(self, queue: str, exchange: str, routing_key: str = "", **_: Any) -> None:
        """Bind a queue to an exchange."""
        with _AmqpErrors():
            self._broker.bind(queue, exchange, routing_key)

    def queue_unbind(self, queue: str, exchange: str, routing_key: str = "", **_: Any) -> None:
        """Undo `queue_bind`."""
        with _AmqpErrors():
            self._broker.unbind(queue, exchange, routing_key)

    def prepare_message(  # noqa: PLR0917 - kombu passes them by position
        self,
        body: bytes | str,
        priority: int | None = None,
        content_type: str | None = None,
        content_encoding: str | None = None,
        headers: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> Letter:
        """Return a message for `basic_publish`; nameko wants ``content_type`` as a property."""
        packed = {
            **(properties or {}),
            "content_type": content_type,
            "content_encoding": content_encoding,
            "priority": priority or 0,
        }
        return Letter(body, packed, dict(headers or {}), "", "")

    def basic_publish(
        self, message: Letter, exchange: str = "", routing_key: str = "", **options: Any
    ) -> None:
        """Publish; a ``mandatory`` message without a queue comes back as ``basic_return``."""
        expiration = message.properties.get("expiration")
        message.exchange, message.routing_key = exchange, routing_key
        if expiration is not None:
            message.expires_at = time.monotonic() + int(expiration) / MS
        with _AmqpErrors():
            routed = self._broker.publish(message)
        if not routed and options.get("mandatory"):
            self._return(message)

    def _return(self, letter: Letter) -> None:
        error = error_for_code(BASIC_RETURN_CODE, "NO_ROUTE", BASIC_PUBLISH, ChannelError)
        listeners = self.events.get("basic_return")
        if not listeners:
            raise error
        for listener in list(listeners):
            listener(error, letter.exchange, letter.routing_key, self._message(letter, 0, ""))

    def basic_qos(
        self, prefetch_size: int, prefetch_count: int, apply_global: bool = False
    ) -> None:
        """Bound the unsettled messages of each consumer that is made from now on."""
        self._prefetch = prefetch_count

    def basic_consume(
        self,
        queue: str,
        no_ack: bool,
        callback: Callable[[Message], None],
        consumer_tag: str,
        **_: Any,
    ) -> None:
        """Begin to consume; the callback runs in `Transport.drain_events`."""
        with _AmqpErrors():
            source = self._broker.declare_queue(queue, passive=True)

        def deliver(subscription: Subscription, letter: Letter) -> None:
            number = next(self._numbers)
            if not no_ack:
                self._unsettled[number] = Delivery(queue, letter, subscription)
            if self.connection is not None:
                self.connection.post(lambda: self._call_back(consumer_tag, letter, number))

        self._callbacks[consumer_tag] = callback
        subscription = Subscription(source, deliver, self._prefetch, no_ack)
        self._subscriptions[consumer_tag] = subscription
        self._broker.subscribe(subscription)

    def _call_back(self, consumer_tag: str, letter: Letter, number: int) -> None:
        callback = self._callbacks.get(consumer_tag)
        if callback is None:  # cancelled while this was on its way
            self.basic_reject(number, requeue=True)
        else:
            callback(self._message(letter, number, consumer_tag))

    def basic_cancel(self, consumer_tag: str, **_: Any) -> None:
        """Stop consuming."""
        self._callbacks.pop(consumer_tag, None)
        subscription = self._subscriptions.pop(consumer_tag, None)
        if subscription is not None:
            self._broker.unsubscribe(subscription)

    def basic_get(self, queue: str, no_ack: bool = False, **_: Any) -> Message | None:
        """Take one message, or None."""
        with _AmqpErrors():
            letter = self._broker.take(queue)
        if letter is None:
            return None
        number = next(self._numbers)
        if not no_ack:
            self._unsettled[number] = Delivery(queue, letter, None)
        return self._message(letter, number, "")

    def basic_ack(self, delivery_tag: int, multiple: bool = False) -> None:
        """Be done with a message."""
        for delivery in self._claim(delivery_tag, multiple=multiple):
            self._broker.settled(delivery.subscription)

    def basic_reject(self, delivery_tag: int, requeue: bool = False) -> None:
        """Give a message back, or refuse it for good."""
        for delivery in self._claim(delivery_tag, multiple=False):
            act = self._broker.give_back if requeue else self._broker.refuse
            act(delivery.queue, delivery.letter)
            self._broker.settled(delivery.subscription)

    def basic_recover(self, requeue: bool = True) -> None:
        """Give back everything that is not settled."""
        for number in sorted(self._unsettled, reverse=True):
            self.basic_reject(number, requeue=True)

    def _claim(self, number: int, *, multiple: bool) -> list[Delivery]:
        numbers = [n for n in self._unsettled if n <= number] if multiple else [number]
        found = [self._unsettled.pop(n, None) for n in numbers]
        return [delivery for delivery in found if delivery is not None]

    def message_to_python(self, message: Message) -> Message:
        """Return the message; it is one already."""
        return message

    def _message(self, letter: Letter, number: int, consumer_tag: str) -> Message:
        headers = dict(letter.headers)
        if letter.returned:
            headers["x-delivery-count"] = letter.returned
        return Message(
            body=letter.body,
            delivery_tag=number,
            content_type=letter.properties.get("content_type"),
            content_encoding=letter.properties.get("content_encoding"),
            delivery_info={
                "exchange": letter.exchange,
                "routing_key": letter.routing_key,
                "consumer_tag": consumer_tag,
                "redelivered": bool(letter.returned),
            },
            properties=dict(letter.properties),
            headers=headers,
            channel=self,
        )

    def close(self) -> None:
        """Stop all consumers and give back what is not settled."""
        if self.closed:
            return
        self.closed = True
        for tag in list(self._subscriptions):
            self.basic_cancel(tag)
        self.basic_recover()
        for name in self._exclusive:
            self._broker.delete_queue(name)
        if self.connection is not None:
            self.connection.close_channel(self)
            self.connection = None


class Transport(base.Transport):
    """One connection: channels that share a letter-box, emptied by `drain_events`."""

    driver_type = SCHEME
    driver_name = SCHEME

    def __init__(self, client: Any, **options: Any) -> None:
        super().__init__(client, **options)  # type: ignore[no-untyped-call]
        self.broker = broker(client.hostname or "localhost")
        self.channels: list[Channel] = []
        self._posted: deque[Callable[[], None]] = deque()
        self._arrived = threading.Condition()

    def establish_connection(self) -> Transport:
        """Return the connection: the transport itself."""
        return self

    def create_channel(self, connection: Transport) -> Channel:
        """Open a channel."""
        channel = Channel(self)
        self.channels.append(channel)
        return channel

    def close_channel(self, channel: Channel) -> None:
        """Forget a channel that closes."""
        if channel in self.channels:
            self.channels.remove(channel)

    def close_connection(self, connection: Transport) -> None:
        """Close every channel."""
        for channel in list(self.channels):
            channel.close()

    def post(self, act: Callable[[], None]) -> None:
        """Have ``act`` done by whoever drains this connection."""
        with self._arrived:
            self._posted.append(act)
            self._arrived.notify()

    def drain_events(
        self, connection: Transport, *, timeout: float | None = None, **_: Any
    ) -> None:
        """Wait for one delivery and call its consumer.

        Raises:
            TimeoutError: none came within ``timeout`` seconds; None waits for ever.
        """
        with self._arrived:
            if not self._posted:
                self._arrived.wait(timeout)
            if not self._posted:
                raise TimeoutError
            act = self._posted.popleft()
        act()


class _AmqpErrors:
    """Context in which the broker's refusals become the errors py-amqp raises."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, BrokerError):
            raise error_for_code(error.code, error.text, (0, 0), ChannelError) from error


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
