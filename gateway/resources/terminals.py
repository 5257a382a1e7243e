"""Tills and their credentials."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.fields import ExternalKey
from shared.contracts.identity import rpc, schemas

resource = Resource("terminals", description="Tills, each bound to a store, and their secrets.")


class TerminalListQuery(ListQuery):
    """Which terminals to list."""

    store_id = ExternalKey(metadata={"description": "Only those of this store."})


@resource.post(
    "/v1/terminals",
    scopes=("terminals:write",),
    body=schemas.NewTerminalSchema,
    response=schemas.TerminalCreatedSchema,
    success=201,
    errors=rpc.CREATE_TERMINAL.errors,
)
def create_terminal(body: dict[str, Any]) -> Response:
    """Set up a terminal.

    The answer is the only one to hold its `client_secret`.
    """
    return respond(call(rpc.CREATE_TERMINAL, body))


@resource.get(
    "/v1/terminals",
    scopes=("terminals:write",),
    query=TerminalListQuery,
    response=list_of(schemas.TerminalSchema),
)
def list_terminals(query: dict[str, Any]) -> Response:
    """List terminals by id."""
    return respond_page(rpc.LIST_TERMINALS, {"store_id": query.get("store_id")}, query)


@resource.get(
    "/v1/terminals/<string:terminal_id>",
    scopes=("terminals:write",),
    response=schemas.TerminalSchema,
    errors=rpc.GET_TERMINAL.errors,
)
def get_terminal(terminal_id: str) -> Response:
    """Show a terminal."""
    return respond(call(rpc.GET_TERMINAL, {"terminal_id": terminal_id}))


@resource.patch(
    "/v1/terminals/<string:terminal_id>",
    scopes=("terminals:write",),
    body=schemas.TerminalChangeSchema,
    response=schemas.TerminalSchema,
    errors=rpc.UPDATE_TERMINAL.errors,
)
def update_terminal(terminal_id: str, body: dict[str, Any]) -> Response:
    """Move a terminal to another store, or switch it off or on.

    Access tokens already given out work until they expire, 15 minutes at most.
    """
    return respond(call(rpc.UPDATE_TERMINAL, {**body, "terminal_id": terminal_id}))


@resource.delete(
    "/v1/terminals/<string:terminal_id>",
    scopes=("terminals:write",),
    response=schemas.TerminalSchema,
)
def delete_terminal(terminal_id: str) -> Response:
    """Switch a terminal off.

    It stays listed as inactive, since sales name it; `PATCH` can switch it on again.
    """
    payload = {"terminal_id": terminal_id, "active": False}
    return respond(call(rpc.UPDATE_TERMINAL, payload))


@resource.post(
    "/v1/terminals/<string:terminal_id>/rotate",
    scopes=("terminals:write",),
    body=schemas.RotateSchema,
    response=schemas.RotatedSchema,
    errors=rpc.ROTATE_TERMINAL.errors,
)
def rotate_terminal(terminal_id: str, body: dict[str, Any]) -> Response:
    """Replace a terminal's secret.

    The secret before it works for `overlap_s` more seconds, so that the till need not stop.
    """
    return respond(call(rpc.ROTATE_TERMINAL, {**body, "terminal_id": terminal_id}))
