"""The tier programme and where a member stands in it."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.context import own_member_id
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.members import rpc as members
from shared.contracts.tiers import programmes, rpc, schemas

resource = Resource("tiers", description="What purchases make of a member.")


@resource.get(
    "/v1/tiers",
    scopes=("tiers:read", "self:read", "members:lookup"),
    response=programmes.ProgrammeSchema,
)
def get_tiers() -> Response:
    """Show the tier programme in force."""
    return respond(call(rpc.PROGRAMME, {}))


@resource.get(
    "/v1/members/<string:member_id>/tier",
    scopes=("tiers:read", "self:read"),
    response=schemas.MemberTierSchema,
)
def get_member_tier(member_id: str) -> Response:
    """Show a member's tier, what keeps it, and what is missing to the next."""
    known = _known(member_id)
    return respond(
        call(
            rpc.MEMBER_TIER,
            {"member_id": known["member_id"], "enrolled_at": known["enrolled_at"]},
        )
    )


@resource.get(
    "/v1/members/<string:member_id>/tier/history",
    scopes=("tiers:read", "self:read"),
    query=ListQuery,
    response=list_of(schemas.TierChangeSchema),
)
def list_tier_changes(member_id: str, query: dict[str, Any]) -> Response:
    """List how a member's tier changed, newest first."""
    return respond_page(rpc.TIER_HISTORY, {"member_id": _known(member_id)["member_id"]}, query)


def _known(member_id: str) -> dict[str, Any]:
    """Return the member's status; members decides who exists, tiers may not have heard yet.

    Raises:
        NotFound: there is no such member, or it is none of the caller's business.
    """
    return call(members.STATUS, {"member_id": own_member_id(member_id)}).body
