"""What the programme owes in points (L11)."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.routing import Resource
from shared.contracts.points import liability

resource = Resource("liability", description="What the programme owes in points.")


@resource.get(
    "/v1/points/liability",
    scopes=("points:liability",),
    query=liability.LiabilityQuery,
    response=liability.LiabilitySchema,
    errors=liability.LIABILITY.errors,
)
def get_liability(query: dict[str, Any]) -> Response:
    """Show what is outstanding by month of expiry, its cost, and what will lapse.

    The forecast takes the part of past lots that lapsed, by their age; `basis` holds the figures.
    Lots count as they were posted by `as_of`, with the expiry known today.
    """
    return respond(call(liability.LIABILITY, query))
