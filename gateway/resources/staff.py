"""Who works with the platform."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.identity import rpc, schemas

resource = Resource("staff", description="Who works with the platform, and may do what.")


@resource.post(
    "/v1/staff",
    scopes=("staff:write",),
    body=schemas.NewStaffSchema,
    response=schemas.StaffSchema,
    success=201,
    errors=rpc.CREATE_STAFF.errors,
)
def create_staff(body: dict[str, Any]) -> Response:
    """Let somebody work with the platform."""
    return respond(call(rpc.CREATE_STAFF, body))


@resource.get(
    "/v1/staff",
    scopes=("staff:read",),
    query=ListQuery,
    response=list_of(schemas.StaffSchema),
)
def list_staff(query: dict[str, Any]) -> Response:
    """List staff in the order they came."""
    return respond_page(rpc.LIST_STAFF, {}, query)


@resource.get("/v1/staff/<uuid:staff_id>", scopes=("staff:read",), response=schemas.StaffSchema)
def get_staff(staff_id: str) -> Response:
    """Show a staff member."""
    return respond(call(rpc.GET_STAFF, {"staff_id": staff_id}))


@resource.patch(
    "/v1/staff/<uuid:staff_id>",
    scopes=("staff:write",),
    body=schemas.StaffChangeSchema,
    response=schemas.StaffSchema,
    errors=rpc.UPDATE_STAFF.errors,
)
def update_staff(staff_id: str, body: dict[str, Any]) -> Response:
    """Change a staff member's roles, password or access.

    A new password and `active: false` end all of their sessions; access tokens already given out
    work until they expire, 15 minutes at most.
    """
    return respond(call(rpc.UPDATE_STAFF, {**body, "staff_id": staff_id}))
