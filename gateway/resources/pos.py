"""Tills that work offline: what their reports leave for staff to look at (S5)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from gateway.backend import call, respond
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.points import pos, rpc
from shared.errors import NotFound

resource = Resource("pos", description="What tills did offline, and what staff makes of it.")


class PosExceptionListQuery(ListQuery, pos.PosExceptionFilter):
    """Which exceptions, and which page."""


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
