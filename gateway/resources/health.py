"""Is the platform alive, and is all of it ready (A7)?"""

from __future__ import annotations

from flask import Response
from marshmallow import fields

from gateway.backend import call, json_response
from gateway.routing import PUBLIC, Resource
from shared.contracts import platform
from shared.contracts.base import WireSchema
from shared.errors import LoyaltyError

resource = Resource("health", description="Signs of life for load balancers and operators.")


class AliveSchema(WireSchema):
    """The gateway answers."""

    status = fields.String(required=True, metadata={"example": "ok"})


class ReadySchema(WireSchema):
    """Each part and whether it answers."""

    status = fields.String(required=True, metadata={"example": "ready"})
    services = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


@resource.get("/healthz", scopes=PUBLIC, response=AliveSchema)
def healthz() -> Response:
    """Say that the gateway process is alive."""
    return json_response({"status": "ok"})


@resource.get("/readyz", scopes=PUBLIC, response=ReadySchema)
def readyz() -> Response:
    """Say whether the broker and every service answer.

    503 with the same body while one does not.
    """
    services = {name: _state_of(name) for name in platform.SERVICES}
    ready = all(state == "ok" for state in services.values())
    status = "ready" if ready else "unavailable"
    return json_response({"status": status, "services": services}, 200 if ready else 503)


def _state_of(service: str) -> str:
    try:
        call(platform.of(service, platform.PING), {}, idempotent=False)
    except LoyaltyError as error:
        return error.code
    return "ok"
