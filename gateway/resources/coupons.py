"""What members hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from gateway import code_pictures
from gateway.backend import call, respond
from gateway.buyers import BUYER_ERRORS, buyer_of
from gateway.context import actor, own_member_id
from gateway.guessing import guesses
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from gateway.sale_commands import channel_of, refuse_foreign_store
from shared.contracts.base import WireSchema
from shared.contracts.coupons import rpc, schemas
from shared.contracts.coupons.orders import CouponQuoteSchema, QuoteCouponsSchema
from shared.contracts.fields import Choice
from shared.contracts.members import rpc as members
from shared.errors import NotFound
from shared.errors.coupons import GiftRefused
from shared.errors.points import StoreMismatch

resource = Resource("coupons", description="The coupons that members hold.")


class WalletQuery(ListQuery):
    """Which coupons to list."""

    status = Choice(*schemas.COUPON_STATUSES, metadata={"description": "Only these."})


class PictureQuery(WireSchema):
    """How to draw a code."""

    type = Choice(
        *code_pictures.TYPES,
        load_default=code_pictures.QR,
        metadata={"description": "A QR code, or bars for older scanners."},
    )


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
    errors=(*BUYER_ERRORS, StoreMismatch),
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
    query["member_id"] = buyer_of(body)
    query["channel"] = body.get("channel") or channel_of(asking)
    if query["codes"]:
        guesses().check()
    reply = call(rpc.QUOTE, query)
    strange = [each for each in reply.body["rejected"] if each["reason"] == "not_usable"]
    guesses().failed(len(strange))
    return respond(reply)


@resource.get(
    "/v1/members/<string:member_id>/coupons/<uuid:coupon_id>/code.svg",
    scopes=("self:read",),
    query=PictureQuery,
    response=None,
    produces=(code_pictures.SVG,),
)
def draw_coupon_code(member_id: str, coupon_id: str, query: dict[str, Any]) -> Response:
    """Show the code of an own coupon as a picture to scan, as SVG."""
    return _picture(member_id, coupon_id, query, code_pictures.SVG)


@resource.get(
    "/v1/members/<string:member_id>/coupons/<uuid:coupon_id>/code.png",
    scopes=("self:read",),
    query=PictureQuery,
    response=None,
    produces=(code_pictures.PNG,),
)
def draw_coupon_code_as_pixels(member_id: str, coupon_id: str, query: dict[str, Any]) -> Response:
    """Show the code of an own coupon as a picture to scan, as PNG."""
    return _picture(member_id, coupon_id, query, code_pictures.PNG)


@resource.get(
    "/v1/members/<string:member_id>/coupons/<uuid:coupon_id>/history",
    scopes=("coupons:read", "self:read"),
    query=ListQuery,
    response=list_of(schemas.CouponChangeSchema),
)
def list_coupon_history(member_id: str, coupon_id: str, query: dict[str, Any]) -> Response:
    """List what became of a member's coupon, oldest first."""
    payload = {"member_id": own_member_id(member_id), "coupon_id": coupon_id}
    return respond_page(rpc.HISTORY, payload, query)


@resource.post(
    "/v1/coupons/<string:code>/void",
    scopes=("coupons:issue",),
    body=schemas.VoidCouponSchema,
    response=schemas.CouponStateSchema,
    errors=rpc.VOID.errors,
    personal_path=True,
)
def void_coupon(code: str, body: dict[str, Any]) -> Response:
    """Withdraw a coupon for good, named by its code or by its `coupon_id`.

    What it took of the campaign's total stays taken.
    """
    return respond(call(rpc.VOID, {**body, "code": _code(code)}))


@resource.post(
    "/v1/coupons/<string:code>/gift",
    scopes=("self:write",),
    body=schemas.GiftCouponSchema,
    response=schemas.CouponSchema,
    errors=rpc.GIFT.errors,
    personal_path=True,
)
def gift_coupon(code: str, body: dict[str, Any]) -> Response:
    """Give a coupon to another member, who gets it under a new code; once.

    The answer is the same whether nobody answers to the reference, or that person cannot have it.
    """
    giver = own_member_id("me")
    guesses().check()
    found = call(members.LOOKUP_MANY, {"references": [body["to"]]}, idempotent=False).body
    (receiver,) = found["results"]
    active = receiver["found"] and receiver["status"] == "active"
    command = {
        "code": _code(code),
        "member_id": giver,
        "receiver_id": receiver["member_id"] if active else None,
        "message": body.get("message"),
    }
    try:
        return respond(call(rpc.GIFT, command))
    except (NotFound, GiftRefused):
        guesses().failed()
        raise


def _picture(member_id: str, coupon_id: str, query: Mapping[str, Any], media_type: str) -> Response:
    owner = {"member_id": own_member_id(member_id), "coupon_id": coupon_id}
    code = call(rpc.COUPON_CODE, owner).body["code"]
    picture = code_pictures.draw(code, query["type"], media_type)
    response = Response(picture, content_type=media_type)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _code(code: str) -> str:
    """Return a code from a path.

    Raises:
        NotFound: it is longer than any, or no text that could be one.
    """
    if len(code) > schemas.MAX_CODE or not code.isprintable():
        raise NotFound
    return code
