"""Transfers: points that one member gives another."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.context import own_member_id
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from gateway.vouching import call_for
from shared.contracts.fields import Id
from shared.contracts.points import transfers
from shared.errors import NotFound

resource = Resource("transfers", description="Points that members give one another.")


class TransfersQuery(ListQuery):
    """Which transfers to list."""

    member_id = Id(metadata={"description": "Only those from or to this member."})


@resource.post(
    "/v1/points/transfers",
    scopes=("transfers:write", "self:write"),
    body=transfers.TransferPointsSchema,
    response=transfers.TransferSchema,
    success=201,
    errors=(*transfers.TRANSFER.errors, NotFound),
)
def transfer_points(body: dict[str, Any]) -> Response:
    """Move points from one member to another.

    The lots that lapse first go first, and keep their expiry. A member gives from itself only; what
    it may give in a day is limited.
    """
    giver = own_member_id(body["from_member_id"])
    return respond(call_for(transfers.TRANSFER, body, [giver, body["to_member_id"]]))


@resource.get(
    "/v1/points/transfers",
    scopes=("points:read",),
    query=TransfersQuery,
    response=list_of(transfers.TransferSchema),
)
def list_transfers(query: dict[str, Any]) -> Response:
    """List transfers, newest first."""
    return respond_page(transfers.LIST, {"member_id": query.get("member_id")}, query)


@resource.get(
    "/v1/points/transfers/<uuid:transfer_id>",
    scopes=("points:read",),
    response=transfers.TransferSchema,
)
def get_transfer(transfer_id: str) -> Response:
    """Show a transfer."""
    return respond(call(transfers.GET, {"transfer_id": transfer_id}))
