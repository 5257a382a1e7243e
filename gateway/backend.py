"""Calling services on behalf of the request being answered."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Protocol, cast

from flask import Response, current_app

from gateway.context import current
from shared.calls import CallContext, Reply
from shared.contracts.method import Method


class Backend(Protocol):
    """Whatever reaches the services: `shared.rpc.client.RpcClient`, or a stand-in in tests."""

    def call(self, method: Method, payload: Mapping[str, Any], context: CallContext) -> Reply:
        """Call a service; see `shared.rpc.client.RpcClient.call`."""
        ...


def backend() -> Backend:
    """Return the application's backend."""
    return cast("Backend", current_app.extensions["loyalty"].backend)


def call(method: Method, payload: Mapping[str, Any], *, idempotent: bool = True) -> Reply:
    """Call a service as the caller of this request.

    The request's Idempotency-Key goes along unless ``idempotent`` is False. At most one write per
    service and request may carry it: the service keeps one answer per key.

    Raises:
        LoyaltyError: the service's refusal, or that it is away.
    """
    request_context = current()
    context = CallContext(
        request_id=request_context.request_id,
        actor=request_context.actor,
        idempotency=request_context.idempotency if idempotent else None,
        deadline_ms=int((time.time() + method.timeout_s) * 1000),
        traceparent=request_context.traceparent,
    )
    return backend().call(method, payload, context)


def respond(reply: Reply) -> Response:
    """Return a service's answer as the HTTP answer."""
    response = json_response(reply.body, reply.status)
    if reply.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def json_response(body: Mapping[str, Any], status: int = 200) -> Response:
    """Return a JSON answer."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return Response(text, status=status, content_type="application/json")
