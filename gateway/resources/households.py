"""Households: members who share (L10)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from gateway.backend import call, respond
from gateway.context import actor
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.members import households, rpc
from shared.errors import NotFound

resource = Resource("households", description="Members who share, and their roles.")

_READ = ("members:read", "self:read")
_WRITE = ("members:write", "self:write")


class HouseholdListQuery(ListQuery, households.HouseholdsFilter):
    """Which households to list."""


@resource.post(
    "/v1/households",
    scopes=_WRITE,
    body=households.NewHouseholdSchema,
    response=households.HouseholdSchema,
    success=201,
    errors=rpc.CREATE_HOUSEHOLD.errors,
)
def create_household(body: dict[str, Any]) -> Response:
    """Found a household.

    A member founds its own; staff may found one for a member. Nobody belongs to two.
    """
    return respond(call(rpc.CREATE_HOUSEHOLD, body))


@resource.get(
    "/v1/households",
    scopes=_READ,
    query=HouseholdListQuery,
    response=list_of(households.HouseholdSchema),
)
def list_households(query: dict[str, Any]) -> Response:
    """List households, newest first.

    Members see the one they belong to.
    """
    wanted = {"member_id": query["member_id"]} if query.get("member_id") else {}
    return respond_page(rpc.LIST_HOUSEHOLDS, wanted, query)


@resource.get(
    "/v1/households/<uuid:household_id>", scopes=_READ, response=households.HouseholdSchema
)
def get_household(household_id: str) -> Response:
    """Show a household."""
    return respond(call(rpc.GET_HOUSEHOLD, {"household_id": household_id}))


@resource.patch(
    "/v1/households/<uuid:household_id>",
    scopes=_WRITE,
    body=households.HouseholdChangeSchema,
    response=households.HouseholdSchema,
    errors=rpc.UPDATE_HOUSEHOLD.errors,
)
def update_household(household_id: str, body: dict[str, Any]) -> Response:
    """Rename a household, or pass it on to another of its members.

    Its owner may, and staff.
    """
    return respond(call(rpc.UPDATE_HOUSEHOLD, {**body, "household_id": household_id}))


@resource.post(
    "/v1/households/<uuid:household_id>/members",
    scopes=_WRITE,
    body=households.JoinSchema,
    response=households.HouseholdSchema,
    success=201,
    errors=rpc.JOIN_HOUSEHOLD.errors,
)
def join_household(household_id: str, body: dict[str, Any]) -> Response:
    """Ask a member to join, or join.

    The owner names whom it asks; the answer is the same whether or not there is such a member.
    Whoever was asked joins within 7 days by naming itself. Staff adds at once a member who has
    agreed.
    """
    return respond(call(rpc.JOIN_HOUSEHOLD, {**body, "household_id": household_id}))


@resource.delete(
    "/v1/households/<uuid:household_id>/members/<string:member_id>",
    scopes=_WRITE,
    response=households.HouseholdSchema,
    errors=rpc.LEAVE_HOUSEHOLD.errors,
)
def leave_household(household_id: str, member_id: str) -> Response:
    """Leave a household, or let a member go.

    `me` stands for the caller. The owner and staff let others go. For somebody who was asked this
    declines the invitation, and for the owner it takes it back. The owner leaves last, which closes
    the household.
    """
    payload = {"household_id": household_id, "member_id": _named(member_id)}
    return respond(call(rpc.LEAVE_HOUSEHOLD, payload))


def _named(member_id: str) -> str:
    """Return the id in a path as the caller means it; raises `NotFound`."""
    if member_id == "me" and actor().kind == "member":
        return actor().id
    try:
        return str(UUID(member_id))
    except ValueError:
        raise NotFound from None
