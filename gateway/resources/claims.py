"""Sales that find their member later, by the code on the receipt (S6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, current_app

from gateway.backend import call, respond
from gateway.context import actor
from gateway.guessing import guesses
from gateway.routing import Resource
from gateway.sale_commands import identify
from shared.clock import rfc3339
from shared.contracts.points import claims, rpc
from shared.errors import FieldError, Invalid, NotFound
from shared.errors.points import MemberRequired

resource = Resource("claims", description="Sales that find their member later.")


@resource.post(
    "/v1/sales/<string:sale_id>/claim",
    scopes=("self:write", "sales:write"),
    body=claims.ClaimSchema,
    response=claims.ClaimAnswerSchema,
    errors=(*rpc.CLAIM_SALE.errors, MemberRequired),
)
def claim_sale(sale_id: str, body: dict[str, Any]) -> Response:
    """Claim the points of a sale that was recorded without a member.

    A member claims for itself; a till names the `member` who shows the receipt. It works once,
    within 30 days of the sale, for what has not come back of it. A wrong code and an unknown sale
    are the same 404; a person who tries too many of them has to wait.
    """
    guesses().check()
    claim = {"sale_id": sale_id, "receipt_code": body["receipt_code"], **_claimer(sale_id, body)}
    try:
        return respond(call(rpc.CLAIM_SALE, claim))
    except NotFound:
        guesses().failed()
        raise


def _claimer(sale_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return whose the sale shall be.

    Raises:
        Invalid: a member names somebody.
        MemberRequired: nobody is named, or the caller is no member yet.
    """
    claiming, named = actor(), body.get("member")
    if claiming.kind == "member":
        if named is not None:
            message = "Members claim for themselves."
            raise Invalid(errors=[FieldError("member", "not_allowed", message)])
        return {"member_id": claiming.id, "member_status": None}
    if named is None or claiming.kind == "anonymous":
        raise MemberRequired
    now = current_app.extensions["loyalty"].clock.now()
    return identify(named, use_id=sale_id, at=rfc3339(now))
