"""Second factors of staff: codes of an authenticator app (I3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import segno
from flask import Response
from marshmallow import fields

from gateway.backend import call, respond
from gateway.context import actor
from gateway.routing import Resource
from shared.contracts.identity import rpc, second_factor
from shared.errors import NotFound

resource = Resource("second_factor", description="Codes of an authenticator app, for staff.")

_MODULE_PX = 4


class TotpBegunSchema(second_factor.TotpSecretSchema):
    """What an authenticator app needs, also as a picture."""

    qr_svg = fields.String(
        required=True, metadata={"description": "The URI as a QR code.", "example": "<svg/>"}
    )


@resource.post(
    "/v1/staff/me/totp",
    scopes=("staff:self",),
    response=TotpBegunSchema,
    success=201,
    errors=rpc.BEGIN_TOTP.errors,
)
def begin_totp() -> Response:
    """Begin to use a second factor.

    The secret is shown once. It counts for nothing until `confirm` has seen a code of it; begun
    again before that, the earlier one is void.
    """
    reply = call(rpc.BEGIN_TOTP, {"staff_id": _own_id()})
    picture = segno.make_qr(reply.body["otpauth_uri"], error="m").svg_inline(scale=_MODULE_PX)
    return respond(replace(reply, body={**reply.body, "qr_svg": picture}))


@resource.post(
    "/v1/staff/me/totp/confirm",
    scopes=("staff:self",),
    body=second_factor.TotpCodeSchema,
    response=second_factor.TotpStateSchema,
    errors=rpc.CONFIRM_TOTP.errors,
)
def confirm_totp(body: dict[str, Any]) -> Response:
    """Let each sign-in ask for a code from now on: `totp` beside `password`."""
    return respond(call(rpc.CONFIRM_TOTP, {**body, "staff_id": _own_id()}))


@resource.delete(
    "/v1/staff/me/totp",
    scopes=("staff:self",),
    body=second_factor.TotpCodeSchema,
    response=second_factor.TotpStateSchema,
    errors=rpc.REMOVE_TOTP.errors,
)
def remove_totp(body: dict[str, Any]) -> Response:
    """Give up the second factor, by a code of it.

    Wrong codes count as failed sign-ins.
    """
    return respond(call(rpc.REMOVE_TOTP, {**body, "staff_id": _own_id()}))


@resource.delete(
    "/v1/staff/<uuid:staff_id>/totp",
    scopes=("staff:write",),
    body=second_factor.TotpResetSchema,
    response=second_factor.TotpStateSchema,
    errors=rpc.RESET_TOTP.errors,
)
def reset_totp(staff_id: str, body: dict[str, Any]) -> Response:
    """Take away the second factor of somebody who lost it.

    All of their sessions end. Nobody does this for itself.
    """
    return respond(call(rpc.RESET_TOTP, {**body, "staff_id": staff_id}))


def _own_id() -> str:
    """Return the caller's id; raises `NotFound` for staff of an outside issuer."""
    try:
        return str(UUID(actor().id))
    except ValueError:
        raise NotFound from None
