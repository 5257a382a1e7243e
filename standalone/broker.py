"""The in-process broker: RabbitMQ's routing, acknowledgement and dead letters, in memory.

It knows neither kombu nor nameko; `standalone.transport` makes a kombu transport of it. Nothing
polls: a message goes to a waiting consumer in the call that publishes it, or when an earlier
message is settled. Everything is forgotten when the process ends: `standalone.resend` makes up for
that from the outboxes.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

UNDERSTOOD = frozenset(
    {
        "x-dead-letter-exchange",
        "x-dead-letter-routing-key",
        "x-delivery-limit",
        # Without effect here: there is one node, one process, and nothing outlives it.
        "x-dead-letter-strategy",
        "x-expires",
        "x-overflow",
        "x-queue-type",
        "x-single-active-consumer",
    }
)
"""Arguments of queues. Any other would change what a queue does, so it is refused."""


class BrokerError(Exception):
    """An operation RabbitMQ would close the channel for; ``code`` is its AMQP reply code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(slots=True)
class Letter:
    """A message as a queue keeps it; bodies and properties are shared between queues."""

    body: bytes | str
    properties: Mapping[str, Any]
    headers: Mapping[str, Any]
    exchange: str
    routing_key: str
    expires_at: float | None = None
    """Monotonic time after which nobody gets it any more."""
    returned: int = 0
    """How often a consumer had it and gave it back, or went away with it."""


@dataclass(slots=True, eq=False)
class Subscription:
    """A consumer's place at a queue. ``deliver`` must not block."""

    queue: Queue
    deliver: Callable[[Subscription, Letter], None]
    prefetch: int = 0
    """Messages it may hold unsettled; 0 is without bound."""
    no_ack: bool = False
    held: int = 0

    @property
    def has_room(self) -> bool:
        """Whether it may be given another message."""
        return self.no_ack or not self.prefetch or self.held < self.prefetch


@dataclass(slots=True, eq=False)
class Queue:
    """Messages in order and those who want them."""

    name: str
    arguments: Mapping[str, Any]
    auto_delete: bool = False
    letters: deque[Letter] = field(default_factory=deque)
    subscriptions: deque[Subscription] = field(default_factory=deque)


@dataclass(slots=True)
class Exchange:
    """A direct, topic or fanout exchange and what is bound to it."""

    kind: str
    bindings: dict[tuple[str, str], re.Pattern[str] | None] = field(default_factory=dict)
    """(binding key, queue) → pattern of the key, for topics."""

    def route(self, routing_key: str) -> set[str]:
        """Return the names of the queues that get a message."""
        return {
            queue
            for (key, queue), pattern in self.bindings.items()
            if self.kind == "fanout"
            or (pattern.fullmatch(f".{routing_key}") if pattern else key == routing_key)
        }


class Broker:
    """Exchanges and queues of one process; safe to use from threads and green threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._exchanges: dict[str, Exchange] = {}
        self._queues: dict[str, Queue] = {}

    def declare_exchange(self, name: str, kind: str, *, passive: bool = False) -> None:
        """Make an exchange unless it is there.

        Raises:
            BrokerError: it is not there (``passive``), is of another kind, or the kind is unknown.
        """
        with self._lock:
            known = self._exchanges.get(name)
            if passive and known is None:
                raise BrokerError(404, f"NOT_FOUND - no exchange '{name}'")
            if known is not None and not passive and known.kind != kind:
                raise BrokerError(406, f"PRECONDITION_FAILED - '{name}' is a {known.kind} exchange")
            if kind not in {"direct", "topic", "fanout"}:
                raise BrokerError(503, f"COMMAND_INVALID - no exchange type '{kind}'")
            if known is None:
                self._exchanges[name] = Exchange(kind)

    def delete_exchange(self, name: str) -> None:
        """Remove an exchange with its bindings."""
        with self._lock:
            self._exchanges.pop(name, None)

    def declare_queue(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        passive: bool = False,
        auto_delete: bool = False,
    ) -> Queue:
        """Make a queue unless it is there, and return it.

        Raises:
            BrokerError: it is not there (``passive``), has other arguments, or arguments that this
                broker does not understand.
        """
        arguments = dict(arguments or {})
        with self._lock:
            if passive:
                return self._queue(name)
            unknown = sorted(arguments.keys() - UNDERSTOOD)
            if unknown:
                raise BrokerError(406, f"PRECONDITION_FAILED - not understood: {unknown}")
            known = self._queues.get(name)
            if known is None:
                self._queues[name] = known = Queue(name, arguments, auto_delete)
            elif known.arguments != arguments:
                raise BrokerError(406, f"PRECONDITION_FAILED - '{name}' has other arguments")
            return known

    def delete_queue(self, name: str) -> int:
        """Remove a queue and its bindings; return how many messages were lost with it."""
        with self._lock:
            queue = self._queues.pop(name, None)
            for exchange in self._exchanges.values():
                for binding in [key for key in exchange.bindings if key[1] == name]:
                    del exchange.bindings[binding]
            return len(queue.letters) if queue else 0

    def purge_queue(self, name: str) -> int:
        """Drop the messages that wait; return how many."""
        with self._lock:
            letters = self._queue(name).letters
            number = len(letters)
            letters.clear()
            return number

    def bind(self, queue: str, exchange: str, key: str) -> None:
        """Let ``queue`` have what is published to ``exchange`` under a matching key."""
        with self._lock:
            self._queue(queue)
            bound_to = self._exchange(exchange)
            is_topic = bound_to.kind == "topic"
            bound_to.bindings[key, queue] = _topic_pattern(key) if is_topic else None

    def unbind(self, queue: str, exchange: str, key: str) -> None:
        """Undo `bind`."""
        with self._lock:
            self._exchange(exchange).bindings.pop((key, queue), None)

    def depth(self, queue: str) -> int:
        """Return how many messages wait in a queue, those being worked on not counted."""
        with self._lock:
            return len(self._queue(queue).letters)

    def backlog(self, exchange: str) -> int:
        """Return how many messages wait in the fullest queue that is bound to ``exchange``."""
        with self._lock:
            known = self._exchanges.get(exchange)
            names = {queue for _, queue in known.bindings} if known else set()
            return max((len(self._queues[name].letters) for name in names), default=0)

    def publish(self, letter: Letter) -> int:
        """Route a message; return the number of queues that got it.

        Raises:
            BrokerError: there is no such exchange.
        """
        with self._lock:
            if letter.exchange:
                names = self._exchange(letter.exchange).route(letter.routing_key)
            else:
                names = {letter.routing_key} & self._queues.keys()
            for name in names:
                queue = self._queues[name]
                queue.letters.append(replace(letter))
                self._hand_out(queue)
            return len(names)

    def subscribe(self, subscription: Subscription) -> None:
        """Begin to hand out a queue's messages to a consumer, in turn with its others."""
        with self._lock:
            subscription.queue.subscriptions.append(subscription)
            self._hand_out(subscription.queue)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Give the consumer no more; what it holds is its own to settle."""
        with self._lock:
            queue = subscription.queue
            if subscription in queue.subscriptions:
                queue.subscriptions.remove(subscription)
                if queue.auto_delete and not queue.subscriptions:
                    self.delete_queue(queue.name)

    def take(self, name: str) -> Letter | None:
        """Take one message without subscribing."""
        with self._lock:
            return self._next_letter(self._queue(name))

    def settled(self, subscription: Subscription | None) -> None:
        """Note that a consumer is done with a message, so that it may have another."""
        with self._lock:
            if subscription is not None:
                subscription.held -= 1
                self._hand_out(subscription.queue)

    def give_back(self, name: str, letter: Letter) -> None:
        """Put a message back at the head; to the dead letters when that was once too often."""
        with self._lock:
            queue = self._queues.get(name)
            if queue is None:
                return
            letter.returned += 1
            limit = queue.arguments.get("x-delivery-limit")
            if limit is not None and letter.returned > limit:
                self._bury(queue, letter, "delivery_limit")
            else:
                queue.letters.appendleft(letter)
                self._hand_out(queue)

    def refuse(self, name: str, letter: Letter) -> None:
        """Take a message out for good, to the dead letters where the queue has a place for them."""
        with self._lock:
            queue = self._queues.get(name)
            if queue is not None:
                self._bury(queue, letter, "rejected")

    def _hand_out(self, queue: Queue) -> None:
        """Give waiting messages to the consumers that have room, each in its turn."""
        while queue.letters:
            for _ in range(len(queue.subscriptions)):
                subscription = queue.subscriptions[0]
                queue.subscriptions.rotate(-1)
                if subscription.has_room:
                    break
            else:
                return
            letter = self._next_letter(queue)
            if letter is None:
                return
            if not subscription.no_ack:
                subscription.held += 1
            subscription.deliver(subscription, letter)

    def _next_letter(self, queue: Queue) -> Letter | None:
        now = time.monotonic()
        while queue.letters:
            letter = queue.letters.popleft()
            if letter.expires_at is None or letter.expires_at > now:
                return letter
            self._bury(queue, letter, "expired")
        return None

    def _bury(self, queue: Queue, letter: Letter, reason: str) -> None:
        """Publish to the queue's dead-letter exchange with RabbitMQ's ``x-death`` header."""
        exchange = queue.arguments.get("x-dead-letter-exchange")
        if exchange is None or (exchange and exchange not in self._exchanges):
            return
        headers = {**letter.headers, "x-death": _deaths(queue, letter, reason)}
        headers.setdefault("x-first-death-queue", queue.name)
        headers.setdefault("x-first-death-reason", reason)
        headers.setdefault("x-first-death-exchange", letter.exchange)
        dead = Letter(
            letter.body,
            {key: value for key, value in letter.properties.items() if key != "expiration"},
            headers,
            exchange,
            queue.arguments.get("x-dead-letter-routing-key", letter.routing_key),
        )
        self.publish(dead)

    def _queue(self, name: str) -> Queue:
        try:
            return self._queues[name]
        except KeyError:
            raise BrokerError(404, f"NOT_FOUND - no queue '{name}'") from None

    def _exchange(self, name: str) -> Exchange:
        try:
            return self._exchanges[name]
        except KeyError:
            raise BrokerError(404, f"NOT_FOUND - no exchange '{name}'") from None


def _topic_pattern(key: str) -> re.Pattern[str]:
    """Return AMQP's topic match: ``*`` is one word, ``#`` any number of words."""
    words = key.split(".")
    if words == ["#"]:
        return re.compile(r".*")
    # Each word brings the dot before it, and "#" its own dots, so the text is given one in front.
    parts = {"#": r"(?:\.[^.]+)*", "*": r"\.[^.]+"}
    return re.compile("".join(parts.get(word, rf"\.{re.escape(word)}") for word in words))


def _deaths(queue: Queue, letter: Letter, reason: str) -> list[dict[str, Any]]:
    """Return the ``x-death`` header: newest first, counted per queue and reason."""
    earlier = list(letter.headers.get("x-death", ()))
    same = [d for d in earlier if (d["queue"], d["reason"]) == (queue.name, reason)]
    death = {
        "queue": queue.name,
        "reason": reason,
        "count": 1 + sum(d["count"] for d in same),
        "exchange": letter.exchange,
        "routing-keys": [letter.routing_key],
        "time": int(time.time()),
    }
    return [death, *(d for d in earlier if d not in same)]
