"""Tills that work offline: what their reports leave for staff to look at (S5)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from gateway.backend import call, respond
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import PUBLIC, Resource
from shared.contracts.base import WireSchema
from shared.contracts.fields import Id
from shared.contracts.identity.schemas import JwksSchema
from shared.contracts.members import rpc as members
from shared.contracts.points import pos, rpc
from shared.errors import NotFound

KEYS_MAX_AGE_S = 300

resource = Resource("pos", description="What tills did offline, and what staff makes of it.")


class PosExceptionListQuery(ListQuery, pos.PosExceptionFilter):
    """Which exceptions, and which page."""


class AllowanceQuery(WireSchema):
    """Whose points."""

    member_id = Id(required=True, metadata={"description": "Who may spend offline."})


@resource.get(
    "/v1/terminals/me/offline-allowance",
    scopes=("allowances:read",),
    query=AllowanceQuery,
    response=pos.AllowanceSchema,
    errors=(NotFound, *rpc.OFFLINE_ALLOWANCE.errors),
)
def get_offline_allowance(query: dict[str, Any]) -> Response:
    """Show what a member may spend at this till while it is offline.

    The till keeps the answer and hands its `signature` in with the sales it covers, up to 72 hours
    later. Asked again while the allowance is valid, the answer is the same; asked later, the till
    has to have posted its sales before, since what was left of the earlier one ends. By default
    nothing may be spent offline.
    """
    known = call(members.STATUS, {"member_id": query["member_id"]}).body
    asked = {"member_id": known["member_id"], "member_status": known["status"]}
    return respond(call(rpc.OFFLINE_ALLOWANCE, asked))


@resource.get("/v1/pos/jwks.json", scopes=PUBLIC, response=JwksSchema)
def allowance_jwks() -> Response:
    """Return the public keys that verify offline allowances (RFC 7517)."""
    response = respond(call(rpc.ALLOWANCE_KEYS, {}))
    response.headers["Cache-Control"] = f"public, max-age={KEYS_MAX_AGE_S}"
    return response


@resource.get(
    "/v1/pos/exceptions",
    scopes=("pos_exceptions:read", "pos_exceptions:write"),
    query=PosExceptionListQuery,
    response=list_of(pos.PosExceptionSchema),
)
def list_pos_exceptions(query: dict[str, Any]) -> Response:
    """List what is odd about tills' reports, newest first.

    Numbers that never arrived, numbers and ids used twice, and refusals of what was done offline.
    A gap closes by itself when the missing numbers arrive late.
    """
    filters = {name: query.get(name) for name in ("status", "kind", "terminal_id", "store_id")}
    return respond_page(rpc.LIST_POS_EXCEPTIONS, filters, query)


@resource.get(
    "/v1/pos/exceptions/<string:exception_id>",
    scopes=("pos_exceptions:read", "pos_exceptions:write"),
    response=pos.PosExceptionSchema,
)
def get_pos_exception(exception_id: str) -> Response:
    """Show one exception."""
    return respond(call(rpc.GET_POS_EXCEPTION, {"exception_id": _id(exception_id)}))


@resource.post(
    "/v1/pos/exceptions/<string:exception_id>/resolve",
    scopes=("pos_exceptions:write",),
    body=pos.ResolveSchema,
    response=pos.PosExceptionSchema,
    errors=rpc.RESOLVE_POS_EXCEPTION.errors,
)
def resolve_pos_exception(exception_id: str, body: dict[str, Any]) -> Response:
    """Note what was done about an exception; once.

    It moves no points and records no sale: where that is needed, it is done first.
    """
    payload = {**body, "exception_id": _id(exception_id)}
    return respond(call(rpc.RESOLVE_POS_EXCEPTION, payload))


def _id(value: str) -> str:
    """Return an id from a path.

    Raises:
        NotFound: it is no id.
    """
    try:
        return str(UUID(value))
    except ValueError:
        raise NotFound from None
