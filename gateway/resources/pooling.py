"""The points of households: what they own together, and pooling it (L10)."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.routing import Resource
from shared.contracts.points import households

resource = Resource("pooling", description="Points that households share.")


@resource.get(
    "/v1/households/<uuid:household_id>/points",
    scopes=("points:read", "self:read"),
    response=households.HouseholdPointsSchema,
)
def get_household_points(household_id: str) -> Response:
    """Show what a household's members can spend, by member and together.

    Members see that of their own household. Who joined or left counts a moment later.
    """
    return respond(call(households.POINTS, {"household_id": household_id}))


@resource.post(
    "/v1/households/<uuid:household_id>/pool",
    scopes=("transfers:write", "self:write"),
    body=households.PoolSchema,
    response=households.PooledSchema,
    errors=households.POOL.errors,
)
def pool_points(household_id: str, body: dict[str, Any]) -> Response:
    """Gather points of a household's members at its owner.

    The owner asks for it, or staff. All that the others have available moves, or as many as are
    named: the lots that lapse first go first, whoever's they are, and keep their expiry. Frozen and
    closed members give nothing and are named. No limit of transfers counts it.
    """
    return respond(call(households.POOL, {**body, "household_id": household_id}))
