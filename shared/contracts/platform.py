"""What every service offers beside its own calls: a sign of life and the sandbox clock."""

from __future__ import annotations

from dataclasses import replace

from marshmallow import fields

from shared.contracts.base import EmptySchema, WireSchema
from shared.contracts.fields import Instant, StrictBoolean
from shared.contracts.method import Method
from shared.errors.sandbox import ClockMovesForwardOnly

SERVICES = ("identity", "members", "points", "coupons", "tiers")


class PongSchema(WireSchema):
    """A service that answers, from a database that answers."""

    service = fields.String(required=True)
    now = Instant(required=True)
    sandbox = StrictBoolean(required=True)


class MoveClockSchema(WireSchema):
    """Where the sandbox clock shall be at least."""

    now = Instant(
        required=True,
        metadata={"description": "The new time.", "example": "2026-12-01T00:00:00Z"},
    )


class ClockSchema(WireSchema):
    """The platform's time."""

    now = Instant(required=True)


PING = Method("platform", "ping", EmptySchema, PongSchema, timeout_s=2)
ADVANCE_CLOCK = Method(
    "platform",
    "advance_clock",
    MoveClockSchema,
    ClockSchema,
    timeout_s=120,
    errors=(ClockMovesForwardOnly,),
)


def of(service: str, method: Method) -> Method:
    """Return ``method`` addressed to one service."""
    return replace(method, service=service)
