"""What is kept of a member: handing it out, and forgetting it (M6)."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.context import own_member_id
from gateway.routing import Resource
from shared.contracts.jobs import JobStartedSchema
from shared.contracts.members import accounts, rpc

resource = Resource("privacy", description="All that is kept of a member, and its end.")


@resource.post(
    "/v1/members/<string:member_id>/export",
    scopes=("members:export", "self:write"),
    response=JobStartedSchema,
    success=202,
    errors=rpc.EXPORT.errors,
)
def export_member(member_id: str) -> Response:
    """Export all that is kept of a member.

    The job's file is JSON: every row that any service keeps of the member, opened, with a sentence
    on what each table holds. Only whoever started the job can download it, for 7 days. While the
    job waits for a service, `waiting_for` names it.
    """
    return respond(call(rpc.EXPORT, {"member_id": own_member_id(member_id)}))


@resource.delete(
    "/v1/members/<string:member_id>",
    scopes=("members:erase",),
    body=accounts.ReasonSchema,
    response=JobStartedSchema,
    success=202,
    errors=rpc.ERASE.errors,
)
def erase_member(member_id: str, body: dict[str, Any]) -> Response:
    """Forget a member for good.

    At once nobody finds the member any more, and its personal data can be read by nobody. The job
    is done when every service has forgotten it: points are forfeited, coupons void, sessions ended.
    It cannot be cancelled, and nothing of it be undone. What was bought stays, without a person.
    """
    payload = {**body, "member_id": own_member_id(member_id)}
    return respond(call(rpc.ERASE, payload))
