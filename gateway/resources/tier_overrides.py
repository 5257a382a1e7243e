"""Tiers given by hand: asked for, decided, taken back (T4)."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.context import own_member_id
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.fields import Choice, Id
from shared.contracts.members import rpc as members
from shared.contracts.method import Method
from shared.contracts.tiers import overrides, rpc

resource = Resource("tier_overrides", description="Tiers given by hand.")

_ONE = "/v1/tier-overrides/<uuid:override_id>"


class OverrideListQuery(ListQuery):
    """Which overrides to list."""

    member_id = Id(metadata={"description": "Only this member's."})
    status = Choice(*overrides.OVERRIDE_STATUSES, metadata={"description": "Only these."})


@resource.post(
    "/v1/members/<string:member_id>/tier/overrides",
    scopes=("tiers:write",),
    body=overrides.OverrideRequestSchema,
    response=overrides.OverrideSchema,
    success=201,
    awaits=overrides.OverrideSchema,
    errors=rpc.REQUEST_OVERRIDE.errors,
)
def request_tier_override(member_id: str, body: dict[str, Any]) -> Response:
    """Give a member a tier until a date, whatever it has earned.

    One level above the earned tier holds at once. For more, the answer is 202 and a second manager
    decides.
    """
    known = call(members.STATUS, {"member_id": own_member_id(member_id)}).body
    whose = {name: known[name] for name in ("member_id", "enrolled_at")}
    return respond(call(rpc.REQUEST_OVERRIDE, {**body, **whose}))


@resource.get(
    "/v1/tier-overrides",
    scopes=("tiers:read",),
    query=OverrideListQuery,
    response=list_of(overrides.OverrideSchema),
)
def list_tier_overrides(query: dict[str, Any]) -> Response:
    """List overrides, newest first."""
    wanted: dict[str, Any] = {
        name: query[name] for name in ("member_id", "status") if name in query
    }
    return respond_page(rpc.OVERRIDES, wanted, query)


@resource.get(_ONE, scopes=("tiers:read",), response=overrides.OverrideSchema)
def get_tier_override(override_id: str) -> Response:
    """Show an override, with who and why."""
    return respond(call(rpc.OVERRIDE, {"override_id": override_id}))


@resource.post(
    f"{_ONE}/approve",
    scopes=("tiers:write",),
    body=overrides.DecisionSchema,
    response=overrides.OverrideSchema,
    errors=rpc.APPROVE_OVERRIDE.errors,
)
def approve_tier_override(override_id: str, body: dict[str, Any]) -> Response:
    """Agree to somebody else's request; it holds from now on."""
    return _decide(rpc.APPROVE_OVERRIDE, override_id, body)


@resource.post(
    f"{_ONE}/reject",
    scopes=("tiers:write",),
    body=overrides.DecisionSchema,
    response=overrides.OverrideSchema,
    errors=rpc.REJECT_OVERRIDE.errors,
)
def reject_tier_override(override_id: str, body: dict[str, Any]) -> Response:
    """Refuse a request, or withdraw your own."""
    return _decide(rpc.REJECT_OVERRIDE, override_id, body)


@resource.post(
    f"{_ONE}/revoke",
    scopes=("tiers:write",),
    body=overrides.DecisionSchema,
    response=overrides.OverrideSchema,
    errors=rpc.REVOKE_OVERRIDE.errors,
)
def revoke_tier_override(override_id: str, body: dict[str, Any]) -> Response:
    """End an override before its time; the member goes back to what it has earned."""
    return _decide(rpc.REVOKE_OVERRIDE, override_id, body)


def _decide(method: Method, override_id: str, body: dict[str, Any]) -> Response:
    return respond(call(method, {**body, "override_id": override_id}))
