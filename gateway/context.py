"""Who asks what, for the time of one HTTP request."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from flask import g, request

from shared.calls import Actor, Idempotency
from shared.errors import NotFound
from shared.ids import new_id

ANONYMOUS = Actor("anonymous", "")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(slots=True)
class RequestContext:
    """What the gateway knows about the request being answered."""

    request_id: str
    traceparent: str
    actor: Actor = ANONYMOUS
    claims: Mapping[str, Any] = field(default_factory=dict)
    idempotency: Idempotency | None = None
    platform_now: datetime | None = None
    headers: dict[str, str] = field(default_factory=dict)
    """Headers to add to the answer, such as ``RateLimit-*``."""


def begin() -> RequestContext:
    """Open the context; a well-formed request id and trace of the caller are kept (A5)."""
    given = request.headers.get("X-Request-Id", "")
    trace = request.headers.get("traceparent", "")
    context = RequestContext(
        request_id=given if _REQUEST_ID.fullmatch(given) else str(new_id()),
        traceparent=trace if _TRACEPARENT.fullmatch(trace) else _new_trace(),
    )
    g.loyalty = context
    return context


def current() -> RequestContext:
    """Return the context of the request being answered."""
    return cast("RequestContext", g.loyalty)


def request_id() -> str:
    """Return the id that this request has in all logs and events (A5)."""
    return current().request_id


def actor() -> Actor:
    """Return who asks."""
    return current().actor


def claims() -> Mapping[str, Any]:
    """Return the claims of the caller's token."""
    return current().claims


def own_member_id(value: str) -> str:
    """Resolve a member id from a path for this caller; ``me`` is the caller's own.

    Raises:
        NotFound: it is no id, or a member asks for somebody else: whether that id exists is
            nobody's business (M7, §1).
    """
    asking = actor()
    if value == "me":
        if asking.kind != "member":
            raise NotFound
        return asking.id
    try:
        member_id = str(UUID(value))
    except ValueError:
        raise NotFound from None
    if asking.kind in ("member", "anonymous") and member_id != asking.id:
        raise NotFound
    return member_id


def _new_trace() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
