"""Calling services on behalf of the request being answered."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from flask import Response, current_app

from gateway.context import current
from shared.calls import CallContext, Reply
from shared.contracts.method import Method
from shared.errors import LoyaltyError


class Backend(Protocol):
    """Whatever reaches the services: `shared.rpc.client.RpcClient`, or a stand-in in tests."""

    def call(self, method: Method, payload: Mapping[str, Any], context: CallContext) -> Reply:
        """Call a service; see `shared.rpc.client.RpcClient.call`."""
        ...

    def call_all(
        self, calls: Sequence[tuple[Method, Mapping[str, Any], CallContext]]
    ) -> list[Reply | LoyaltyError]:
        """Call services side by side; see `shared.rpc.client.RpcClient.call_all`."""
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
    return backend().call(method, payload, _context(method, idempotent=idempotent))


def read_all(*reads: tuple[Method, Mapping[str, Any]]) -> list[Reply | LoyaltyError]:
    """Ask services side by side, so that the slowest answer is all that is waited for.

    For reads only: nothing here undoes one write when another fails. What a service refuses is
    returned in its place; `answer_of` raises it.
    """
    return backend().call_all(
        [(method, payload, _context(method, idempotent=False)) for method, payload in reads]
    )


def answer_of(outcome: Reply | LoyaltyError) -> dict[str, Any]:
    """Return the body of an answer; raises the refusal that came instead."""
    if isinstance(outcome, LoyaltyError):
        raise outcome
    return outcome.body


def _context(method: Method, *, idempotent: bool) -> CallContext:
    request_context = current()
    return CallContext(
        request_id=request_context.request_id,
        actor=request_context.actor,
        idempotency=request_context.idempotency if idempotent else None,
        deadline_ms=int((time.time() + method.timeout_s) * 1000),
        traceparent=request_context.traceparent,
    )


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
