"""Programs that act for the chain."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.identity import rpc, schemas

resource = Resource("clients", description="Programs such as the web shop, and their secrets.")


@resource.post(
    "/v1/clients",
    scopes=("clients:write",),
    body=schemas.NewClientSchema,
    response=schemas.ClientCreatedSchema,
    success=201,
    errors=rpc.CREATE_CLIENT.errors,
)
def create_client(body: dict[str, Any]) -> Response:
    """Let a program in.

    The answer is the only one to hold its `client_secret`.
    """
    return respond(call(rpc.CREATE_CLIENT, body))


@resource.get(
    "/v1/clients",
    scopes=("clients:write",),
    query=ListQuery,
    response=list_of(schemas.ClientSchema),
)
def list_clients(query: dict[str, Any]) -> Response:
    """List clients in the order they came."""
    return respond_page(rpc.LIST_CLIENTS, {}, query)


@resource.get(
    "/v1/clients/<string:client_id>",
    scopes=("clients:write",),
    response=schemas.ClientSchema,
    errors=rpc.GET_CLIENT.errors,
)
def get_client(client_id: str) -> Response:
    """Show a client."""
    return respond(call(rpc.GET_CLIENT, {"client_id": client_id}))


@resource.patch(
    "/v1/clients/<string:client_id>",
    scopes=("clients:write",),
    body=schemas.ClientChangeSchema,
    response=schemas.ClientSchema,
    errors=rpc.UPDATE_CLIENT.errors,
)
def update_client(client_id: str, body: dict[str, Any]) -> Response:
    """Rename a client, or switch it off or on.

    Access tokens already given out work until they expire, 15 minutes at most.
    """
    return respond(call(rpc.UPDATE_CLIENT, {**body, "client_id": client_id}))


@resource.post(
    "/v1/clients/<string:client_id>/rotate",
    scopes=("clients:write",),
    body=schemas.RotateSchema,
    response=schemas.RotatedSchema,
    errors=rpc.ROTATE_CLIENT.errors,
)
def rotate_client(client_id: str, body: dict[str, Any]) -> Response:
    """Replace a client's secret.

    The secret before it works for `overlap_s` more seconds, so that the program need not stop.
    """
    return respond(call(rpc.ROTATE_CLIENT, {**body, "client_id": client_id}))
