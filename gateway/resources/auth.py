"""Signing in and out, and the keys that verify access tokens."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from gateway.backend import call, respond
from gateway.routing import PUBLIC, Resource
from shared.contracts.base import EmptySchema
from shared.contracts.identity import rpc, schemas
from shared.contracts.members import rpc as members

resource = Resource("auth", description="Signing in and out.")

KEYS_MAX_AGE_S = 300


@resource.post(
    "/v1/auth/otp",
    scopes=PUBLIC,
    body=schemas.OtpRequestSchema,
    response=schemas.OtpIssuedSchema,
    success=202,
    errors=rpc.REQUEST_OTP.errors,
)
def request_otp(body: dict[str, Any]) -> Response:
    """Send a one-time code to a phone.

    The answer is the same whether or not the phone belongs to a member. A code has 6 digits, is
    good for 5 minutes, 5 tries and one use; a newer one replaces it.
    """
    return respond(call(rpc.REQUEST_OTP, {**body, "address": request.remote_addr or "unknown"}))


@resource.post(
    "/v1/auth/token",
    scopes=PUBLIC,
    body=schemas.TokenRequestSchema,
    response=schemas.TokenSchema,
    errors=rpc.ISSUE_TOKEN.errors,
)
def issue_token(body: dict[str, Any]) -> Response:
    """Sign in.

    `grant_type` says with what: `otp` takes `phone` and `code`, `password` takes `username` and
    `password` (and `totp`, where the user has a second factor), `client_credentials` takes
    `client_id` and `client_secret`, `refresh_token` takes `refresh_token`. A refresh token works
    once; its second use ends the session. A refusal is `invalid_credentials` whatever was wrong;
    from the fifth wrong password on, a username has to wait 1, 2, 4 … 60 minutes, and until then
    the right one is refused as well. An `otp` token of a phone without a member opens enrolment
    only; sign in again afterwards.
    """
    return respond(call(rpc.ISSUE_TOKEN, {**body, "member_id": _member_of(body)}))


@resource.post(
    "/v1/auth/revoke",
    scopes=PUBLIC,
    body=schemas.RevokeRequestSchema,
    response=EmptySchema,
)
def revoke_token(body: dict[str, Any]) -> Response:
    """Sign out.

    Ends the session that the refresh token belongs to; one that is unknown or has ended is fine.
    """
    return respond(call(rpc.REVOKE_TOKEN, body))


@resource.get("/.well-known/jwks.json", scopes=PUBLIC, response=schemas.JwksSchema)
def jwks() -> Response:
    """Return the public keys that verify access tokens (RFC 7517)."""
    response = respond(call(rpc.JWKS, {}))
    response.headers["Cache-Control"] = f"public, max-age={KEYS_MAX_AGE_S}"
    return response


def _member_of(body: dict[str, Any]) -> str | None:
    """Return whose phone it is; before the code is verified this stays within the platform."""
    if body["grant_type"] != "otp":
        return None
    references = [{"type": "phone", "value": body["phone"]}]
    found = call(members.LOOKUP_MANY, {"references": references}).body["results"][0]
    member_id: str | None = found["member_id"]
    return member_id
