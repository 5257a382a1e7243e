"""Holds: points set aside for orders that are not paid yet."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from gateway.vouching import call_for
from shared.contracts.fields import Choice, ExternalKey, Id
from shared.contracts.points import holds

resource = Resource("holds", description="Points set aside for orders, until they are paid.")

_ONE = "/v1/points/holds/<uuid:hold_id>"
_READERS = ("holds:write", "points:read")


class HoldsQuery(ListQuery):
    """Which holds to list."""

    member_id = Id(metadata={"description": "Only this member's."})
    order_id = ExternalKey(metadata={"description": "Only this order's."})
    status = Choice(*holds.HOLD_STATUSES, metadata={"description": "Only these."})


@resource.post(
    "/v1/points/holds",
    scopes=("holds:write",),
    body=holds.PlaceHoldSchema,
    response=holds.HoldSchema,
    success=201,
    repeats=True,
    errors=holds.PLACE.errors,
)
def place_hold(body: dict[str, Any]) -> Response:
    """Set a member's points aside for an order.

    They are no longer available from then on, until the hold is captured, released or its time is
    over. An order has one hold: asked again it answers 200 with that one.
    """
    return respond(call_for(holds.PLACE, body, [body["member_id"]]))


@resource.get(
    "/v1/points/holds",
    scopes=_READERS,
    query=HoldsQuery,
    response=list_of(holds.HoldSchema),
)
def list_holds(query: dict[str, Any]) -> Response:
    """List holds, newest first; tills and shops see their own."""
    only = {name: query.get(name) for name in ("member_id", "order_id", "status")}
    return respond_page(holds.LIST, only, query)


@resource.get(_ONE, scopes=_READERS, response=holds.HoldSchema)
def get_hold(hold_id: str) -> Response:
    """Show a hold."""
    return respond(call(holds.GET, {"hold_id": hold_id}))


@resource.post(
    f"{_ONE}/capture",
    scopes=("holds:write",),
    body=holds.CaptureHoldSchema,
    response=holds.HoldSchema,
    errors=holds.CAPTURE.errors,
)
def capture_hold(hold_id: str, body: dict[str, Any]) -> Response:
    """Spend what is held, or a part of it; the rest goes home to its lots.

    Points that were held before they lapsed can be captured until the hold ends.
    """
    return respond(call(holds.CAPTURE, {**body, "hold_id": hold_id}))


@resource.post(
    f"{_ONE}/release",
    scopes=("holds:write",),
    response=holds.HoldSchema,
    errors=holds.RELEASE.errors,
)
def release_hold(hold_id: str) -> Response:
    """Give back what is held; what has lapsed meanwhile lapses."""
    return respond(call(holds.RELEASE, {"hold_id": hold_id}))
