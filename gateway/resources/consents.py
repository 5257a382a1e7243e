"""What members agree to."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.context import own_member_id
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.members import accounts, rpc

resource = Resource("consents", description="What members agree to, with proof and history.")


@resource.put(
    "/v1/members/<string:member_id>/consents",
    scopes=("members:write", "self:write"),
    body=accounts.SetConsentsSchema,
    response=accounts.ConsentsSchema,
    errors=rpc.SET_CONSENTS.errors,
)
def set_consents(member_id: str, body: dict[str, Any]) -> Response:
    """Grant or withdraw consent.

    One consent for each purpose and channel; those left out stay as they are. Each is kept with
    its time, policy version and proof, and the answer holds all that count now.
    """
    return respond(call(rpc.SET_CONSENTS, {**body, "member_id": own_member_id(member_id)}))


@resource.get(
    "/v1/members/<string:member_id>/consents/history",
    scopes=("members:read", "self:read"),
    query=ListQuery,
    response=list_of(accounts.ConsentHistorySchema),
)
def list_consent_history(member_id: str, query: dict[str, Any]) -> Response:
    """Show all that a member ever granted or withdrew, newest first."""
    return respond_page(rpc.CONSENT_HISTORY, {"member_id": own_member_id(member_id)}, query)
