"""How long points last, and changes of that (L12)."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.points import expiry

resource = Resource("expiry changes", description="How long points last, from when on, and why.")


@resource.post(
    "/v1/points/expiry-changes",
    scopes=("expiry:write",),
    body=expiry.ExpiryChangeDraftSchema,
    response=expiry.ExpiryChangeSchema,
    success=201,
    errors=expiry.ANNOUNCE_EXPIRY_CHANGE.errors,
)
def announce_expiry_change(body: dict[str, Any]) -> Response:
    """Change how long points last that are earned from an instant on.

    Points earned before keep the later of both expiries; lots that exist are prolonged in the
    background, as `existing_lots` tells. Of two changes from the same instant the later one counts.
    """
    return respond(call(expiry.ANNOUNCE_EXPIRY_CHANGE, body))


@resource.get(
    "/v1/points/expiry-changes",
    scopes=("points:read",),
    query=ListQuery,
    response=list_of(expiry.ExpiryChangeSchema),
)
def list_expiry_changes(query: dict[str, Any]) -> Response:
    """List the changes ever announced, newest first."""
    return respond_page(expiry.EXPIRY_CHANGES, {}, query)


@resource.get(
    "/v1/points/expiry-changes/<uuid:change_id>",
    scopes=("points:read",),
    response=expiry.ExpiryChangeSchema,
)
def get_expiry_change(change_id: str) -> Response:
    """Show a change of how long points last."""
    return respond(call(expiry.EXPIRY_CHANGE, {"change_id": change_id}))
