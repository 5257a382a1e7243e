"""The code that a member's app shows at the till."""

from __future__ import annotations

import segno
from flask import Response
from marshmallow import fields

from gateway.backend import call, json_response, respond
from gateway.context import own_member_id
from gateway.routing import PUBLIC, Resource
from shared.contracts.base import WireSchema
from shared.contracts.fields import Instant, Text
from shared.contracts.members import codes, rpc

resource = Resource("codes", description="Rotating codes that tills recognise members by.")

KEYS_MAX_AGE_S = 3_600
_MODULE_PX = 4


class QrSchema(WireSchema):
    """A signed code."""

    payload = Text(
        required=True,
        max_length=1_024,
        metadata={
            "description": "A JWT (EdDSA) of the member's id in `sub`, good from `nbf` to `exp`; "
            "the keys at `/v1/codes/jwks.json` verify it, `aud` is `pos`."
        },
    )
    svg = fields.String(
        required=True, metadata={"description": "The payload as a picture.", "example": "<svg/>"}
    )


class ShownCodeSchema(WireSchema):
    """What the app shows for 30 seconds."""

    barcode = Text(
        required=True,
        metadata={
            "description": "20 digits, to be drawn as Code 128.",
            "example": "48151623421098765432",
        },
    )
    qr = fields.Nested(QrSchema, required=True)
    expires_at = Instant(required=True, metadata={"description": "When to ask for the next one."})


@resource.get(
    "/v1/members/<string:member_id>/code",
    scopes=("self:read",),
    response=ShownCodeSchema,
    errors=rpc.SHOW_CODE.errors,
)
def show_code(member_id: str) -> Response:
    """Show the caller's code.

    A code is of one 30-second step and counts in the step before and after it as well, since clocks
    differ. Looking a member up does not use it up; spending points on one sale does, until the next
    step. A till that is offline verifies the signed one with the keys at `/v1/codes/jwks.json`.
    """
    code = call(rpc.SHOW_CODE, {"member_id": own_member_id(member_id)}).body
    picture = segno.make_qr(code["signed"], error="l").svg_inline(scale=_MODULE_PX)
    qr = {"payload": code["signed"], "svg": picture}
    return json_response({"barcode": code["barcode"], "qr": qr, "expires_at": code["expires_at"]})


@resource.get("/v1/codes/jwks.json", scopes=PUBLIC, response=codes.CodeKeysSchema)
def list_code_keys() -> Response:
    """Return the public keys that verify members' signed codes (RFC 7517).

    Tills fetch them daily. A new key stands here before it signs; one that has ceased to sign stays
    for four days.
    """
    response = respond(call(rpc.CODE_KEYS, {}))
    response.headers["Cache-Control"] = f"public, max-age={KEYS_MAX_AGE_S}"
    return response
