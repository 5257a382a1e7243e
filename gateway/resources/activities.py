"""What members do beside buying: check-ins, reviews, surveys and the like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.context import actor
from gateway.routing import Resource
from gateway.sale_commands import identify
from shared.contracts.points import activities, rpc
from shared.errors import FieldError, Forbidden, Invalid, NotFound

resource = Resource("activities", description="What members do beside buying.")

_OWN = "check_in"


@resource.post(
    "/v1/points/activities",
    scopes=("activities:write", "self:write"),
    body=activities.ActivitySchema,
    response=activities.ActivityAnswerSchema,
    success=201,
    repeats=True,
    errors=rpc.RECORD_ACTIVITY.errors,
)
def record_activity(body: dict[str, Any]) -> Response:
    """Record what a member did, and award what the rules give for it.

    Members report their own check-ins only, when they happen. A known activity answers 200 as it
    did then; with other content 409.
    """
    told = {name: body[name] for name in ("activity_id", "activity", "occurred_at")}
    return respond(call(rpc.RECORD_ACTIVITY, {**told, **_member(body), "store_id": _store()}))


def _member(body: dict[str, Any]) -> dict[str, Any]:
    """Return who did it.

    Raises:
        Forbidden: a member reports something else than a check-in.
        NotFound: a member speaks for somebody else; whether there is such is not its business.
        Invalid: nobody is named.
    """
    asking, named = actor(), body.get("member")
    if asking.kind != "member":
        if named is None:
            raise Invalid(errors=[FieldError("member", "required", "Say who did it.")])
        return _identify(named, body)
    if body["activity"] != _OWN:
        raise Forbidden("Members report check_in only.")
    if named is not None and _identify(named, body)["member_id"] != asking.id:
        raise NotFound
    return {"member_id": asking.id, "member_status": None}


def _identify(named: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    return identify(named, use_id=body["activity_id"], at=body["occurred_at"])


def _store() -> str | None:
    return actor().store_id if actor().kind == "terminal" else None
