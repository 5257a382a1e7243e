"""A member's points: balances, journal, and the proof of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.context import actor, own_member_id
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.jobs import JobStartedSchema
from shared.contracts.members import rpc as members
from shared.contracts.points import proofs, rpc, schemas
from shared.errors import NotFound

resource = Resource("points", description="What members own, and how it came about.")


@resource.get(
    "/v1/members/<string:member_id>/points",
    scopes=("points:read", "self:read"),
    response=schemas.BalanceSchema,
)
def get_points(member_id: str) -> Response:
    """Show a member's points, and when which of them lapse."""
    return of_member(member_id, lambda payload: respond(call(rpc.BALANCE, payload)))


@resource.get(
    "/v1/members/<string:member_id>/points/transactions",
    scopes=("points:read", "self:read"),
    query=ListQuery,
    response=list_of(schemas.TransactionSchema),
)
def list_transactions(member_id: str, query: dict[str, Any]) -> Response:
    """List the entries of a member's journal, newest first."""
    return of_member(member_id, lambda payload: respond_page(rpc.TRANSACTIONS, payload, query))


@resource.post(
    "/v1/points/verify",
    scopes=("points:verify",),
    response=schemas.VerificationSchema,
    reads=True,
)
def verify_points() -> Response:
    """Prove that every balance is the sum of its postings and of its lots."""
    return respond(call(rpc.VERIFY, {}))


@resource.post(
    "/v1/points/rebuild",
    scopes=("points:rebuild",),
    response=JobStartedSchema,
    success=202,
    errors=proofs.REBUILD.errors,
)
def rebuild_points() -> Response:
    """Set every balance and lot to what the journal says.

    The job's result has `accounts_checked`, `accounts_changed`, the first 100 `changes`, and as
    `drift` what no rebuild can mend, since the journal contradicts itself.
    """
    return respond(call(proofs.REBUILD, {}))


def of_member(member_id: str, answer: Callable[[dict[str, Any]], Response]) -> Response:
    """Answer for a member whom points may not have heard of yet.

    Raises:
        NotFound: there is no such member, or it is none of the caller's business.
    """
    payload = {"member_id": own_member_id(member_id), "exists": actor().kind == "member"}
    try:
        return answer(payload)
    except NotFound:
        # Members knows for sure; points hears of a new one a moment later.
        call(members.STATUS, {"member_id": payload["member_id"]})
        return answer({**payload, "exists": True})
