"""What a tier gives beside its multiplier: entitlements, their quotas and their use (T6)."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.context import own_member_id
from gateway.routing import Resource
from shared.contracts.members import rpc as members
from shared.contracts.tiers import benefits, rpc

resource = Resource("benefits", description="What tiers give beside points.")

_ALL = "/v1/members/<string:member_id>/benefits"
_USES = f"{_ALL}/<string:code>/uses"


@resource.get(
    _ALL,
    scopes=("tiers:read", "self:read", "benefits:use"),
    response=benefits.BenefitsSchema,
)
def list_benefits(member_id: str) -> Response:
    """List what a member's tier gives it now, and how much of it is left.

    A benefit without quota, such as a member price or the invitation to an event, holds as long as
    it is listed.
    """
    return respond(call(rpc.MEMBER_BENEFITS, _whose(member_id)))


@resource.post(
    _USES,
    scopes=("benefits:use",),
    body=benefits.UseSchema,
    response=benefits.BenefitUseSchema,
    success=201,
    repeats=True,
    errors=rpc.USE_BENEFIT.errors,
)
def use_benefit(member_id: str, code: str, body: dict[str, Any]) -> Response:
    """Use a benefit once, at the till or in the shop.

    The caller names the use; the same `use_id` again answers as it did. If the order it is for is
    cancelled, or its checkout ends without a sale, the use is taken back.
    """
    return respond(call(rpc.USE_BENEFIT, {**body, **_whose(member_id), "code": code}))


@resource.delete(
    f"{_USES}/<string:use_id>",
    scopes=("benefits:use",),
    response=benefits.BenefitUseSchema,
    errors=rpc.REVERSE_USE.errors,
)
def reverse_benefit_use(member_id: str, code: str, use_id: str) -> Response:
    """Take a use back, so that it counts no more."""
    own_id = own_member_id(member_id)
    named = {"member_id": own_id, "code": code, "use_id": use_id}
    return respond(call(rpc.REVERSE_USE, named))


def _whose(member_id: str) -> dict[str, Any]:
    """Return the member as tiers has to know it; raises `NotFound` where there is none."""
    known = call(members.STATUS, {"member_id": own_member_id(member_id)}).body
    return {name: known[name] for name in ("member_id", "enrolled_at")}
