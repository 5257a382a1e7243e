"""How processes reach the broker through kombu.

Whoever needs a connection is given a factory, so that the one-process mode can put its own
transport in the place of RabbitMQ.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from kombu.connection import Connection
from kombu.exceptions import OperationalError

ConnectionFactory = Callable[[], Connection]
"""Returns a new, unconnected connection at each call."""

HEARTBEAT_S = 10
"""A peer that says nothing for twice as long is taken for dead."""
CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
WRITE_TIMEOUT_S = 10


def amqp_connections(amqp_uri: str) -> ConnectionFactory:
    """Return a factory for the RabbitMQ at ``amqp_uri``; several nodes are separated by ``;``."""

    def connect() -> Connection:
        return Connection(
            amqp_uri,
            heartbeat=HEARTBEAT_S,
            connect_timeout=CONNECT_TIMEOUT_S,
            transport_options={
                # Bounds each answer of the broker while a connection is set up.
                "read_timeout": READ_TIMEOUT_S,
                "write_timeout": WRITE_TIMEOUT_S,
            },
        )

    return connect


def open_once(connection: Connection) -> Connection:
    """Connect to the first node that answers, trying each once.

    Raises:
        OSError, kombu.exceptions.OperationalError: none did.
    """
    nodes = max(len(connection.alt), 1)
    connection.ensure_connection(max_retries=nodes - 1, interval_start=0)
    return connection


def publish_without_reading(connection: Connection) -> None:
    """Let threads publish over an open connection that another one reads from.

    py-amqp reads from the socket before each publish, to see whether the broker blocks publishers;
    that tears frames apart which the reading thread is in the middle of.
    """
    properties = getattr(connection.connection, "client_properties", {})
    properties.get("capabilities", {}).pop("connection.blocked", None)


def failures(connection: Connection) -> tuple[type[BaseException], ...]:
    """Return the errors that mean "this connection or channel is of no more use".

    A connection lost in the middle of an operation can also show as an attribute of ``None``.
    """
    return (
        *connection.connection_errors,
        *connection.channel_errors,
        OperationalError,
        OSError,
        AttributeError,
    )


def backoff(*, first_s: float = 0.1, most_s: float = 2.0) -> Iterator[float]:
    """Yield pauses between attempts, doubling up to ``most_s``, each up to a quarter shorter.

    The shortening keeps many processes from coming back at the same instant.
    """
    pause_s = first_s
    while True:
        yield pause_s * random.uniform(0.75, 1)  # noqa: S311 - spreads load, guards nothing
        pause_s = min(pause_s * 2, most_s)
