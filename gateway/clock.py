"""The platform's time at the gateway: the machine's, or in the sandbox identity's (A8)."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import has_request_context

from gateway.backend import Backend
from gateway.context import current
from shared.calls import CallContext
from shared.clock import parse_rfc3339
from shared.contracts import platform
from shared.ids import new_id

_PING = platform.of("identity", platform.PING)


class PlatformClock:
    """Asks identity once per request in the sandbox, so that a moved clock holds at once."""

    def __init__(self, backend: Backend, *, sandbox: bool) -> None:
        """Remember whom to ask."""
        self._backend = backend
        self._sandbox = sandbox

    def now(self) -> datetime:
        """Return the platform's time, the same during one request in the sandbox.

        Raises:
            BackendUnavailable: in the sandbox, identity is away.
        """
        if not self._sandbox:
            return datetime.now(UTC)
        if not has_request_context():
            return self._ask(str(new_id()))
        context = current()
        if context.platform_now is None:
            context.platform_now = self._ask(context.request_id)
        return context.platform_now

    def _ask(self, request_id: str) -> datetime:
        reply = self._backend.call(_PING, {}, CallContext(request_id=request_id))
        return parse_rfc3339(reply.body["now"])
