"""Where members shop."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.identity import rpc, schemas

resource = Resource("stores", description="Where members shop.")


@resource.post(
    "/v1/stores",
    scopes=("stores:write",),
    body=schemas.NewStoreSchema,
    response=schemas.StoreSchema,
    success=201,
    errors=rpc.CREATE_STORE.errors,
)
def create_store(body: dict[str, Any]) -> Response:
    """Open a store."""
    return respond(call(rpc.CREATE_STORE, body))


@resource.get(
    "/v1/stores",
    scopes=("stores:read",),
    query=ListQuery,
    response=list_of(schemas.StoreSchema),
)
def list_stores(query: dict[str, Any]) -> Response:
    """List stores by id."""
    return respond_page(rpc.LIST_STORES, {}, query)


@resource.get(
    "/v1/stores/<string:store_id>",
    scopes=("stores:read",),
    response=schemas.StoreSchema,
    errors=rpc.GET_STORE.errors,
)
def get_store(store_id: str) -> Response:
    """Show a store."""
    return respond(call(rpc.GET_STORE, {"store_id": store_id}))


@resource.patch(
    "/v1/stores/<string:store_id>",
    scopes=("stores:write",),
    body=schemas.StoreChangeSchema,
    response=schemas.StoreSchema,
    errors=rpc.UPDATE_STORE.errors,
)
def update_store(store_id: str, body: dict[str, Any]) -> Response:
    """Rename or close a store, or change its time zone.

    Terminals of a closed store get no new tokens.
    """
    return respond(call(rpc.UPDATE_STORE, {**body, "store_id": store_id}))
