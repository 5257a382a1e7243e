"""How plain processes reach the broker through pika."""

from __future__ import annotations

import pika

from shared.messaging.connections import CONNECT_TIMEOUT_S, HEARTBEAT_S

BLOCKED_TIMEOUT_S = 20.0
"""A broker that takes nothing for so long is taken for dead."""
HANDSHAKE_TIMEOUT_S = 5.0


def pika_parameters(amqp_uri: str) -> list[pika.URLParameters]:
    """Return how to reach each of the nodes in ``amqp_uri``, which are separated by ``;``."""
    return [_parameters(uri) for uri in amqp_uri.split(";")]


def _parameters(uri: str) -> pika.URLParameters:
    parameters = pika.URLParameters(uri)
    # To pika the path "//" names no virtual host; to kombu it is the default one, "/".
    parameters.virtual_host = parameters.virtual_host.lstrip("/") or "/"
    parameters.heartbeat = HEARTBEAT_S
    parameters.blocked_connection_timeout = BLOCKED_TIMEOUT_S
    parameters.socket_timeout = CONNECT_TIMEOUT_S
    parameters.stack_timeout = HANDSHAKE_TIMEOUT_S
    parameters.connection_attempts = 1
    return parameters
