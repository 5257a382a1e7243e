"""Names and bytes of the RPC protocol: what client and server must agree on.

The protocol is nameko's own (a topic exchange, a queue per service, JSON bodies), so nameko's tools
still work. The JSON is plain: kombu's serializer gives a meaning to objects such as
``{"__type__": …}``, which a hostile request body could use to make a call undecodable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kombu.entity import Exchange, Queue

RPC_EXCHANGE = Exchange("nameko-rpc", type="topic", durable=True)
CONTENT_TYPE = "application/json"
CONTENT_ENCODING = "utf-8"

QUEUE_EXPIRES_S = 30
"""A service's queue goes when nobody has consumed from it for so long.

Until then a restarting service finds the calls that wait for it; after that a call is returned as
unroutable and refused at once, instead of timing out.
"""


def service_queue(service: str) -> Queue:
    """Return the queue that all replicas of a service share."""
    return Queue(
        f"rpc-{service}",
        exchange=RPC_EXCHANGE,
        routing_key=f"{service}.*",
        durable=True,
        expires=QUEUE_EXPIRES_S,
    )


def reply_queue(reply_to: str) -> Queue:
    """Return the queue of one client connection; it lives as long as that connection."""
    return Queue(
        f"rpc.reply-{reply_to}",
        exchange=RPC_EXCHANGE,
        routing_key=reply_to,
        durable=False,
        exclusive=True,
        auto_delete=True,
    )


def encode(value: Any) -> bytes:
    """Return JSON bytes.

    Raises:
        TypeError: the value holds something that is no JSON primitive.
        ValueError: the value holds a NaN or an infinity.
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def decode(body: bytes | str) -> Any:
    """Return the value in a message body.

    Raises:
        ValueError: the body is no JSON.
    """
    return json.loads(body)


def request_body(context: Mapping[str, Any], payload: Mapping[str, Any]) -> bytes:
    """Return the body of a call."""
    return encode({"args": [], "kwargs": {"context": context, "payload": payload}})
