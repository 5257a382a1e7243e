"""The caller's side of RPC: one connection, any number of threads, no waiting for a dead broker.

A call fails at once with `BackendUnavailable` while there is no connection, when the connection is
lost under it, and when nobody serves the method; it fails with `BackendTimeout` when the answer is
late. The connection comes back by itself in the background. Nothing is connected before the first
call, so a process may fork after making a client; the child gets a connection of its own.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, replace
from typing import Any

import structlog

from shared.calls import CallContext, Reply
from shared.contracts.method import Method
from shared.errors import LoyaltyError, from_wire
from shared.errors.backend import BackendTimeout, BackendUnavailable
from shared.messaging.connections import (
    CONNECT_TIMEOUT_S,
    ConnectionFactory,
    amqp_connections,
    backoff,
)
from shared.rpc.link import Answer, Link, LinkLost
from shared.rpc.wire import request_body

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A call on its way."""

    method: Method
    link: Link
    answer: Answer
    timeout_s: float
    until: float
    """On the clock of `time.monotonic`."""

    def outcome(self) -> Reply | LoyaltyError:
        """Wait for the answer or refusal until the call's time is up."""
        try:
            message = self.answer.result(max(self.until - time.monotonic(), 0))
            return _read_answer(self.method, message)
        except FutureTimeout:
            self.link.forget(self.answer)
            return BackendTimeout(f"{self.method.service} did not answer in {self.timeout_s:g} s.")
        except LinkLost as lost:
            return BackendUnavailable(lost.detail)
        except LoyaltyError as refusal:
            return refusal


class RpcClient:
    """Calls services; safe to share between threads.

    ``broker`` is an AMQP URI, or a factory of kombu connections where the broker is not RabbitMQ.
    """

    def __init__(self, broker: str | ConnectionFactory) -> None:
        self._connect = amqp_connections(broker) if isinstance(broker, str) else broker
        self._forget_process()
        forget = weakref.WeakMethod(self._forget_process)

        def in_child() -> None:
            again = forget()
            if again is not None:
                again()

        os.register_at_fork(after_in_child=in_child)

    def call(self, method: Method, payload: Mapping[str, Any], context: CallContext) -> Reply:
        """Call ``method`` and wait for its answer, at most ``method.timeout_s``.

        ``payload`` holds wire primitives. A deadline in ``context`` shortens the wait; a
        call without one gets the method's.

        Raises:
            BackendUnavailable: broker or service are away; the call may or may not have run.
            BackendTimeout: no answer in time; the call may or may not have run.
            LoyaltyError: the service refused.
        """
        (outcome,) = self.call_all([(method, payload, context)])
        if isinstance(outcome, LoyaltyError):
            raise outcome
        return outcome

    def call_all(
        self, calls: Sequence[tuple[Method, Mapping[str, Any], CallContext]]
    ) -> list[Reply | LoyaltyError]:
        """Make calls side by side: all are sent before the first answer is waited for.

        Each comes out as `call` would have it, but what that raises is returned in its place.
        """
        sent: list[_Sent | LoyaltyError] = []
        for method, payload, context in calls:
            try:
                sent.append(self._send(method, payload, context))
            except LoyaltyError as refusal:
                sent.append(refusal)
        return [each if isinstance(each, LoyaltyError) else each.outcome() for each in sent]

    def _send(self, method: Method, payload: Mapping[str, Any], context: CallContext) -> _Sent:
        context, timeout_s = _with_deadline(context, method)
        body = request_body(context.to_wire(), payload)
        link = self._require_link()
        answer = link.send(method.routing_key, body, expires_s=timeout_s)
        return _Sent(method, link, answer, timeout_s, time.monotonic() + timeout_s)

    @property
    def connected(self) -> bool:
        """Whether there is a connection now; asking for it starts the first attempt."""
        self._ensure_keeper()
        return self._link is not None

    def close(self) -> None:
        """Drop the connection for good; calls still waiting fail."""
        self._closed.set()
        if self._keeper is not None:
            self._keeper.join(timeout=5)

    def _require_link(self) -> Link:
        self._ensure_keeper()
        link = self._link
        if link is None and not self._tried.is_set():
            # Only the very first calls of a process wait, for the attempt that they caused.
            self._tried.wait(CONNECT_TIMEOUT_S)
            link = self._link
        if link is None:
            raise BackendUnavailable("The message broker does not answer.")
        return link

    def _forget_process(self) -> None:
        """Start anew: a child process must not touch its parent's socket, locks and thread."""
        self._starting = threading.Lock()
        self._tried = threading.Event()
        self._closed = threading.Event()
        self._keeper: threading.Thread | None = None
        self._link: Link | None = None

    def _ensure_keeper(self) -> None:
        if self._keeper is not None:
            return
        with self._starting:
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="rpc-client", daemon=True)
                self._keeper.start()

    def _keep(self) -> None:
        """Hold a connection until the client is closed; runs in its own thread."""
        pauses = backoff()
        failing = False
        while not self._closed.is_set():
            try:
                link = Link.open(self._connect())
            except Exception as error:  # whatever it was, the next attempt may succeed
                if not failing:
                    _log.warning("broker_unreachable", error=repr(error))
                failing = True
                self._tried.set()
                self._closed.wait(next(pauses))
                continue
            failing, pauses = False, backoff()
            self._link = link
            self._tried.set()
            try:
                link.serve(self._closed)
            except Exception as error:
                _log.warning("broker_connection_lost", error=repr(error))
            finally:
                self._link = None
                link.close()


def _with_deadline(context: CallContext, method: Method) -> tuple[CallContext, float]:
    now_ms = int(time.time() * 1000)
    deadline_ms = now_ms + int(method.timeout_s * 1000)
    if context.deadline_ms is not None:
        deadline_ms = min(deadline_ms, context.deadline_ms)
    timeout_s = (deadline_ms - now_ms) / 1000
    if timeout_s <= 0:
        raise BackendTimeout("The time for this request was used up before the call.")
    return replace(context, deadline_ms=deadline_ms), timeout_s


def _read_answer(method: Method, message: Mapping[str, Any]) -> Reply:
    error = message.get("error")
    if error:
        # The protocol's own refusal, such as a method that an older service does not have yet.
        _log.error("rpc_refused", method=method.routing_key, error=error)
        if error.get("exc_type") == "MethodNotFound":
            raise BackendUnavailable(f"{method.routing_key} is not served at present.")
        raise LoyaltyError(f"{method.service} could not read the call.")
    result = message["result"]
    if "error" in result:
        raise from_wire(result["error"])
    return Reply.from_wire(result)
