"""The sandbox clock (A8): time moves forward on request, for every part at once."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app

from gateway.backend import call, json_response, respond
from gateway.routing import Resource
from shared.clock import rfc3339
from shared.contracts import platform
from shared.errors.sandbox import ClockMovesForwardOnly

resource = Resource("sandbox", description="Test clock; exists only with LOYALTY_SANDBOX=1.")

_FOLLOWERS = ("members", "tiers", "points", "coupons")
"""Identity comes last: its clock is the one shown, so it speaks for a finished move."""


@resource.get("/v1/sandbox/clock", scopes=("sandbox:write",), response=platform.ClockSchema)
def get_sandbox_clock() -> Response:
    """Show the platform's time."""
    return json_response({"now": rfc3339(current_app.extensions["loyalty"].clock.now())})


@resource.put(
    "/v1/sandbox/clock",
    scopes=("sandbox:write",),
    body=platform.MoveClockSchema,
    response=platform.ClockSchema,
    errors=(ClockMovesForwardOnly,),
)
def move_sandbox_clock(body: dict[str, Any]) -> Response:
    """Move the platform's time forward.

    When the call returns, all work that became due (expiry, reviews, sweeps) has been done. A move
    that failed half-way is finished by sending it again.
    """
    for service in _FOLLOWERS:
        call(platform.of(service, platform.ADVANCE_CLOCK), body, idempotent=False)
    return respond(call(platform.of("identity", platform.ADVANCE_CLOCK), body))
