"""What members hold."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call
from gateway.context import actor, own_member_id
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.coupons import rpc, schemas
from shared.contracts.fields import Choice
from shared.contracts.members import rpc as members

resource = Resource("coupons", description="The coupons that members hold.")


class WalletQuery(ListQuery):
    """Which coupons to list."""

    status = Choice(*schemas.COUPON_STATUSES, metadata={"description": "Only these."})


@resource.get(
    "/v1/members/<string:member_id>/coupons",
    scopes=("coupons:read", "self:read"),
    query=WalletQuery,
    response=list_of(schemas.CouponSchema),
)
def list_coupons(member_id: str, query: dict[str, Any]) -> Response:
    """List a member's coupons, soonest expiry first.

    A coupon that can no longer be used stays listed for 90 days, with its `reason`. Codes come in
    full for their owner only.
    """
    resolved = own_member_id(member_id)
    is_owner = actor().kind == "member"
    if not is_owner:
        call(members.STATUS, {"member_id": resolved})
    payload = {"member_id": resolved, "status": query.get("status"), "owner": is_owner}
    return respond_page(rpc.WALLET, payload, query)
