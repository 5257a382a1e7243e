"""Members that turn out to be one person (M3)."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.context import own_member_id
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.members import merges, rpc

resource = Resource("merges", description="Members that turn out to be one person.")


@resource.post(
    "/v1/members/<string:member_id>/merge",
    scopes=("members:merge",),
    body=merges.MergeSchema,
    response=merges.MergeRecordSchema,
    errors=rpc.MERGE.errors,
)
def merge_member(member_id: str, body: dict[str, Any]) -> Response:
    """Merge another member into this one.

    This member stays, and whoever is recognised as the other one is this one from now on. Points,
    holds, coupons, what counts for the tier, cards and the place in a household move within
    seconds, service by service: `services` shows how far that is. Of two answers about a consent
    the refusal counts. Sent again, it changes nothing, and reminds services that have not finished.
    """
    return respond(call(rpc.MERGE, {**body, "member_id": own_member_id(member_id)}))


@resource.post(
    "/v1/members/<string:member_id>/unmerge",
    scopes=("members:merge",),
    body=merges.UnmergeSchema,
    response=merges.MergeRecordSchema,
    errors=rpc.UNMERGE.errors,
)
def unmerge_member(member_id: str, body: dict[str, Any]) -> Response:
    """Undo a merge, within 30 days.

    The other one gets back what is left of what it brought, and never more than is there. What it
    earned and spent while they were one stays with this member.
    """
    return respond(call(rpc.UNMERGE, {**body, "member_id": own_member_id(member_id)}))


@resource.get(
    "/v1/members/<string:member_id>/merges",
    scopes=("members:merge", "audit:read"),
    query=ListQuery,
    response=list_of(merges.MergeRecordSchema),
)
def list_merges(member_id: str, query: dict[str, Any]) -> Response:
    """Show what was merged into a member, or it into others, newest first."""
    return respond_page(rpc.MERGES, {"member_id": own_member_id(member_id)}, query)
