"""What members hold."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.context import actor, own_member_id
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from gateway.sale_commands import channel_of, refuse_foreign_store
from shared.contracts.coupons import rpc, schemas
from shared.contracts.coupons.orders import CouponQuoteSchema, QuoteCouponsSchema
from shared.contracts.fields import Choice
from shared.contracts.members import rpc as members
from shared.errors import NotFound
from shared.errors.members import MemberNotFound
from shared.errors.points import StoreMismatch

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


@resource.post(
    "/v1/coupons/quote",
    scopes=("coupons:quote", "self:read"),
    body=QuoteCouponsSchema,
    response=CouponQuoteSchema,
    errors=(MemberNotFound, StoreMismatch, NotFound),
    reads=True,
)
def quote_coupons(body: dict[str, Any]) -> Response:
    """Ask what codes would take off a basket now; nothing is held.

    Every code is in one of the three lists, with the reason where it does not count. A member asks
    for itself, and hears the reason of its own coupons only.
    """
    asking = actor()
    refuse_foreign_store(body, asking)
    query = {name: value for name, value in body.items() if name not in ("member", "channel")}
    if asking.kind == "terminal":
        query["store_id"] = asking.store_id
    query["member_id"] = _buyer(body)
    query["channel"] = body.get("channel") or channel_of(asking)
    return respond(call(rpc.QUOTE, query))


def _buyer(body: dict[str, Any]) -> str | None:
    """Return who the basket is for.

    Raises:
        NotFound: a member asks for somebody else.
        MemberNotFound: nobody answers to the reference.
    """
    asking, reference = actor(), body.get("member")
    if asking.kind in ("member", "anonymous"):
        own = {"type": "member_id", "value": own_member_id("me")}
        if reference is not None and {**own, "system": None} != {"system": None, **reference}:
            raise NotFound
        return own["value"]
    if reference is None:
        return None
    (found,) = call(members.LOOKUP_MANY, {"references": [reference]}).body["results"]
    if not found["found"]:
        raise MemberNotFound
    member_id: str = found["member_id"]
    return member_id
